/* csaf_shape.c - the CSAF 2.0 document schema as tables. Read-only; any thread. */
#include "advisory/csaf_shape.h"
#include "advisory/csaf_check.h"
#include "advisory/csaf_shape_make.h"

static const struct tsn_shape text = {.kind = TSN_SHAPE_STRING};
static const struct tsn_shape uri = STRING(tsn_csaf_is_uri, "a URI");
static const struct tsn_shape when = STRING(tsn_csaf_is_time, "a date and time (RFC 3339)");
static const struct tsn_shape lang = STRING(tsn_csaf_is_lang, "a language tag");
static const struct tsn_shape version =
    STRING(tsn_csaf_is_version, "an integer or semantic version");
static const struct tsn_shape texts = LIST(&text, 1), text_set = SET(&text, 1);
static const struct tsn_shape uris = LIST(&uri, 1);

/* Acknowledgments, notes, references: the same at document and vulnerability. */
static const struct tsn_member ack_members[] = {
    {"names", &texts, false},
    {"organization", &text, false},
    {"summary", &text, false},
    {"urls", &uris, false},
    END,
};
static const struct tsn_shape ack = OBJECT_MIN(ack_members, 1), acks = LIST(&ack, 1);

static const struct tsn_shape note_category =
    ENUM("description", "details", "faq", "general", "legal_disclaimer", "other", "summary");
static const struct tsn_member note_members[] = {
    {"audience", &text, false},
    {"category", &note_category, true},
    {"text", &text, true},
    {"title", &text, false},
    END,
};
static const struct tsn_shape note = OBJECT(note_members), notes = LIST(&note, 1);

static const struct tsn_shape reference_category = ENUM("external", "self");
static const struct tsn_member reference_members[] = {
    {"category", &reference_category, false},
    {"summary", &text, true},
    {"url", &uri, true},
    END,
};
static const struct tsn_shape reference = OBJECT(reference_members),
                              references = LIST(&reference, 1);

/* document */
static const struct tsn_member severity_members[] = {
    {"namespace", &uri, false},
    {"text", &text, true},
    END,
};
static const struct tsn_shape severity = OBJECT(severity_members);
static const struct tsn_shape doc_category =
    STRING(tsn_csaf_is_category, "a category (no blank, dash, dot or underscore at its ends)");
static const struct tsn_shape csaf_version = ENUM("2.0");
static const struct tsn_shape tlp_label = ENUM("AMBER", "GREEN", "RED", "WHITE");
static const struct tsn_member tlp_members[] = {
    {"label", &tlp_label, true},
    {"url", &uri, false},
    END,
};
static const struct tsn_shape tlp = OBJECT(tlp_members);
static const struct tsn_member distribution_members[] = {
    {"text", &text, false},
    {"tlp", &tlp, false},
    END,
};
static const struct tsn_shape distribution = OBJECT_MIN(distribution_members, 1);
static const struct tsn_shape publisher_category =
    ENUM("coordinator", "discoverer", "other", "translator", "user", "vendor");
static const struct tsn_member publisher_members[] = {
    {"category", &publisher_category, true},
    {"contact_details", &text, false},
    {"issuing_authority", &text, false},
    {"name", &text, true},
    {"namespace", &uri, true},
    END,
};
static const struct tsn_shape publisher = OBJECT(publisher_members);

static const struct tsn_member engine_members[] = {
    {"name", &text, true},
    {"version", &text, false},
    END,
};
static const struct tsn_shape engine = OBJECT(engine_members);
static const struct tsn_member generator_members[] = {
    {"date", &when, false},
    {"engine", &engine, true},
    END,
};
static const struct tsn_shape generator = OBJECT(generator_members);
static const struct tsn_member revision_members[] = {
    {"date", &when, true},
    {"legacy_version", &text, false},
    {"number", &version, true},
    {"summary", &text, true},
    END,
};
static const struct tsn_shape revision = OBJECT(revision_members),
                              revisions = LIST(&revision, 1);
static const struct tsn_shape tracking_id =
    STRING(tsn_csaf_is_trimmed, "an id (no blank at its ends, one line)");
static const struct tsn_shape status = ENUM("draft", "final", "interim");
static const struct tsn_member tracking_members[] = {
    {"aliases", &text_set, false},
    {"current_release_date", &when, true},
    {"generator", &generator, false},
    {"id", &tracking_id, true},
    {"initial_release_date", &when, true},
    {"revision_history", &revisions, true},
    {"status", &status, true},
    {"version", &version, true},
    END,
};
static const struct tsn_shape tracking = OBJECT(tracking_members);

static const struct tsn_member document_members[] = {
    {"acknowledgments", &acks, false},
    {"aggregate_severity", &severity, false},
    {"category", &doc_category, true},
    {"csaf_version", &csaf_version, true},
    {"distribution", &distribution, false},
    {"lang", &lang, false},
    {"notes", &notes, false},
    {"publisher", &publisher, true},
    {"references", &references, false},
    {"source_lang", &lang, false},
    {"title", &text, true},
    {"tracking", &tracking, true},
    END,
};
static const struct tsn_shape document = OBJECT(document_members);

/* product_tree */
static const struct tsn_shape cpe = STRING(tsn_csaf_is_cpe, "a CPE name");
static const struct tsn_shape purl = STRING(tsn_csaf_is_purl_shape, "a package URL");
static const struct tsn_shape hash_value =
    STRING(tsn_csaf_is_hash, "a hash in hex, 32 or longer");
static const struct tsn_member file_hash_members[] = {
    {"algorithm", &text, true},
    {"value", &hash_value, true},
    END,
};
static const struct tsn_shape file_hash = OBJECT(file_hash_members),
                              file_hashes = LIST(&file_hash, 1);
static const struct tsn_member hash_members[] = {
    {"file_hashes", &file_hashes, true},
    {"filename", &text, true},
    END,
};
static const struct tsn_shape hash = OBJECT(hash_members), hashes = LIST(&hash, 1);
static const struct tsn_member generic_members[] = {
    {"namespace", &uri, true},
    {"uri", &uri, true},
    END,
};
static const struct tsn_shape generic = OBJECT(generic_members), generics = LIST(&generic, 1);
static const struct tsn_member helper_members[] = {
    {"cpe", &cpe, false},
    {"hashes", &hashes, false},
    {"model_numbers", &text_set, false},
    {"purl", &purl, false},
    {"sbom_urls", &uris, false},
    {"serial_numbers", &text_set, false},
    {"skus", &texts, false},
    {"x_generic_uris", &generics, false},
    END,
};
static const struct tsn_shape helper = OBJECT_MIN(helper_members, 1);
static const struct tsn_member product_members[] = {
    {"name", &text, true},
    {"product_id", &text, true},
    {"product_identification_helper", &helper, false},
    END,
};
static const struct tsn_shape product = OBJECT(product_members), products = LIST(&product, 1);

static const struct tsn_shape branch_category =
    ENUM("architecture", "host_name", "language", "legacy", "patch_level", "product_family",
         "product_name", "product_version", "product_version_range", "service_pack",
         "specification", "vendor");
static const struct tsn_shape branches;
static const struct tsn_member branch_members[] = {
    {"branches", &branches, false},
    {"category", &branch_category, true},
    {"name", &text, true},
    {"product", &product, false},
    END,
};
static const struct tsn_shape branch = {
    .kind = TSN_SHAPE_OBJECT, .members = branch_members, .min = 3, .max = 3};
static const struct tsn_shape branches = LIST(&branch, 1);

static const struct tsn_shape two_ids = SET(&text, 2);
static const struct tsn_member group_members[] = {
    {"group_id", &text, true},
    {"product_ids", &two_ids, true},
    {"summary", &text, false},
    END,
};
static const struct tsn_shape group = OBJECT(group_members), groups = LIST(&group, 1);
static const struct tsn_shape relation_category =
    ENUM("default_component_of", "external_component_of", "installed_on", "installed_with",
         "optional_component_of");
static const struct tsn_member relation_members[] = {
    {"category", &relation_category, true},
    {"full_product_name", &product, true},
    {"product_reference", &text, true},
    {"relates_to_product_reference", &text, true},
    END,
};
static const struct tsn_shape relation = OBJECT(relation_members),
                              relations = LIST(&relation, 1);
static const struct tsn_member tree_members[] = {
    {"branches", &branches, false},
    {"full_product_names", &products, false},
    {"product_groups", &groups, false},
    {"relationships", &relations, false},
    END,
};
static const struct tsn_shape tree = OBJECT_MIN(tree_members, 1);

/* vulnerabilities */
static const struct tsn_shape cve = STRING(tsn_csaf_is_cve, "a CVE id");
static const struct tsn_shape cwe_id = STRING(tsn_csaf_is_cwe, "a CWE id");
static const struct tsn_member cwe_members[] = {
    {"id", &cwe_id, true},
    {"name", &text, true},
    END,
};
static const struct tsn_shape cwe = OBJECT(cwe_members);
static const struct tsn_shape flag_label =
    ENUM("component_not_present", "inline_mitigations_already_exist",
         "vulnerable_code_cannot_be_controlled_by_adversary",
         "vulnerable_code_not_in_execute_path", "vulnerable_code_not_present");
static const struct tsn_member flag_members[] = {
    {"date", &when, false},
    {"group_ids", &text_set, false},
    {"label", &flag_label, true},
    {"product_ids", &text_set, false},
    END,
};
static const struct tsn_shape flag = OBJECT(flag_members), flags = SET(&flag, 1);
static const struct tsn_member id_members[] = {
    {"system_name", &text, true},
    {"text", &text, true},
    END,
};
static const struct tsn_shape id = OBJECT(id_members), ids = SET(&id, 1);
static const struct tsn_shape party =
    ENUM("coordinator", "discoverer", "other", "user", "vendor");
static const struct tsn_shape party_status =
    ENUM("completed", "contact_attempted", "disputed", "in_progress", "not_contacted", "open");
static const struct tsn_member involvement_members[] = {
    {"date", &when, false},
    {"party", &party, true},
    {"status", &party_status, true},
    {"summary", &text, false},
    END,
};
static const struct tsn_shape involvement = OBJECT(involvement_members),
                              involvements = SET(&involvement, 1);
static const struct tsn_member product_status_members[] = {
    {"first_affected", &text_set, false},
    {"first_fixed", &text_set, false},
    {"fixed", &text_set, false},
    {"known_affected", &text_set, false},
    {"known_not_affected", &text_set, false},
    {"last_affected", &text_set, false},
    {"recommended", &text_set, false},
    {"under_investigation", &text_set, false},
    END,
};
static const struct tsn_shape product_status = OBJECT_MIN(product_status_members, 1);
static const struct tsn_shape restart_category =
    ENUM("connected", "dependencies", "machine", "none", "parent", "service", "system",
         "vulnerable_component", "zone");
static const struct tsn_member restart_members[] = {
    {"category", &restart_category, true},
    {"details", &text, false},
    END,
};
static const struct tsn_shape restart = OBJECT(restart_members);
static const struct tsn_shape remediation_category =
    ENUM("mitigation", "no_fix_planned", "none_available", "vendor_fix", "workaround");
static const struct tsn_member remediation_members[] = {
    {"category", &remediation_category, true},
    {"date", &when, false},
    {"details", &text, true},
    {"entitlements", &texts, false},
    {"group_ids", &text_set, false},
    {"product_ids", &text_set, false},
    {"restart_required", &restart, false},
    {"url", &uri, false},
    END,
};
static const struct tsn_shape remediation = OBJECT(remediation_members),
                              remediations = LIST(&remediation, 1);
static const struct tsn_shape cvss2 = {.kind = TSN_SHAPE_CVSS2};
static const struct tsn_shape cvss3 = {.kind = TSN_SHAPE_CVSS3};
static const struct tsn_member score_members[] = {
    {"cvss_v2", &cvss2, false},
    {"cvss_v3", &cvss3, false},
    {"products", &text_set, true},
    END,
};
static const struct tsn_shape score = OBJECT_MIN(score_members, 2), scores = LIST(&score, 1);
static const struct tsn_shape threat_category = ENUM("exploit_status", "impact", "target_set");
static const struct tsn_member threat_members[] = {
    {"category", &threat_category, true},
    {"date", &when, false},
    {"details", &text, true},
    {"group_ids", &text_set, false},
    {"product_ids", &text_set, false},
    END,
};
static const struct tsn_shape threat = OBJECT(threat_members), threats = LIST(&threat, 1);
static const struct tsn_member vuln_members[] = {
    {"acknowledgments", &acks, false},
    {"cve", &cve, false},
    {"cwe", &cwe, false},
    {"discovery_date", &when, false},
    {"flags", &flags, false},
    {"ids", &ids, false},
    {"involvements", &involvements, false},
    {"notes", &notes, false},
    {"product_status", &product_status, false},
    {"references", &references, false},
    {"release_date", &when, false},
    {"remediations", &remediations, false},
    {"scores", &scores, false},
    {"threats", &threats, false},
    {"title", &text, false},
    END,
};
static const struct tsn_shape vuln = OBJECT_MIN(vuln_members, 1), vulns = LIST(&vuln, 1);

static const struct tsn_member csaf_members[] = {
    {"document", &document, true},
    {"product_tree", &tree, false},
    {"vulnerabilities", &vulns, false},
    END,
};
const struct tsn_shape tsn_shape_csaf = OBJECT(csaf_members);
