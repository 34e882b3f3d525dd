/* csaf_why.c - why each test of CSAF 2.0 exists, in a sentence for people. Read-only. */
#include <string.h>
#include "advisory/csaf_check.h"

static const struct {
    const char *test, *why;
} rows[] = {
    {"json", "CSAF documents are JSON; what is not JSON cannot be read by anyone."},
    {"schema",
     "Programs read CSAF by its schema; what does not follow it is refused or misread."},
    {"6.1.1", "An id that is not defined says nothing about any product."},
    {"6.1.2", "With one id for two products nobody can tell which of them is meant."},
    {"6.1.3", "A product that is built from itself has no end, and readers may never finish."},
    {"6.1.4", "A group that is not defined says nothing about any product."},
    {"6.1.5", "With one id for two groups nobody can tell which of them is meant."},
    {"6.1.6", "A product cannot be, say, affected and fixed by the same flaw."},
    {"6.1.7", "With two scores of one CVSS version nobody knows which counts."},
    {"6.1.8", "A score must follow the CVSS schema, or programs drop it."},
    {"6.1.9",
     "The score follows from the vector; with two answers readers take the wrong one."},
    {"6.1.10", "The spelt-out metrics must say what the vector says."},
    {"6.1.11", "A weakness is found by its CWE id and official name; others lead nowhere."},
    {"6.1.12", "Readers choose fonts, voices and translations by the language tag."},
    {"6.1.13", "Tools match products by package URL, and only well-formed ones match."},
    {"6.1.14", "A later revision has a higher number, or consumers keep the old text."},
    {"6.1.15", "A translation must say from which language, so that doubts can be settled."},
    {"6.1.16", "Consumers compare the version with the history to see what is new."},
    {"6.1.17", "Version 0 and pre-releases are drafts; nobody may rely on them as released."},
    {"6.1.18", "Drafts before the first release do not belong into the public history."},
    {"6.1.19", "The history lists releases, not the drafts between them."},
    {"6.1.20", "A released document with a pre-release version contradicts itself."},
    {"6.1.21", "A gap in the history looks like a withheld revision."},
    {"6.1.22", "Two revisions of one number cannot be told apart."},
    {"6.1.23", "What belongs to one CVE belongs into one place, or half of it is missed."},
    {"6.1.24", "A party has one state at a moment."},
    {"6.1.25", "Two values of one algorithm for a file: one of them is wrong."},
    {"6.1.26", "A category that looks like a profile promises checks that were never made."},
    {"6.1.27", "Who reads a profile relies on the parts that the profile promises."},
    {"6.1.28", "A translation from a language into itself is none."},
    {"6.1.29", "A remediation without products helps nobody: whom is it for?"},
    {"6.1.30", "Integer and semantic versions cannot be put into one order."},
    {"6.1.31", "A range where one version is promised makes every match wrong."},
    {"6.1.32", "A flag without products says nothing about any product."},
    {"6.1.33", "Two reasons why one product is not affected contradict each other."},
    {"6.2.1",
     "A product that nothing refers to leaves readers guessing whether it is affected."},
    {"6.2.2", "Who is affected wants to know what to do, even if it is to wait."},
    {"6.2.3",
     "Without a score affected customers cannot put this in its place in their queue."},
    {"6.2.4", "Build metadata does not order versions and says nothing to readers."},
    {"6.2.5", "A document is not released before its first revision exists."},
    {"6.2.6", "The current release is the newest revision; consumers poll by this date."},
    {"6.2.7", "Without its date an involvement cannot be put into the story."},
    {"6.2.8", "MD5 collisions are made at will; the hash proves nothing."},
    {"6.2.9", "SHA-1 collisions have been made; the hash proves little."},
    {"6.2.10", "Without a TLP label every reader decides alone how far this may travel."},
    {"6.2.11", "With its own address a copy of the document leads back to the newest one."},
    {"6.2.12", "Without its language tools cannot choose a translation or a voice."},
    {"6.2.13", "Sorted members make two versions easy to compare."},
    {"6.2.14", "Codes for private use mean nothing to readers outside."},
    {"6.2.15", "i-default says that no language was chosen; say which it is."},
    {"6.2.16",
     "Without CPE, package URL, hash or number tools can match a product by name only."},
    {"6.2.17", "Tools look for CVE ids in the member cve, and nowhere else."},
    {"6.2.18", "Only ranges written as vers: can be compared by programs."},
    {"6.2.19", "A fixed product at full score stays in everybody's queue."},
    {"6.2.20", "What CSAF does not know may be lost on the way, or be a misspelt member."},
    {"6.3.1", "CVSS v2 is retired; many consumers sort by v3 alone."},
    {"6.3.2", "CVSS 3.1 made 3.0 clearer without new metrics; use it."},
    {"6.3.3", "Without a CVE id others cannot join what they know about this flaw."},
    {"6.3.4", "The kind of weakness helps to find its like."},
    {"6.3.5", "Hashes below 256 bits are or will be within reach of collisions."},
    {"6.3.6",
     "Readers follow links; a dead one costs them the answer. Judged by its text alone."},
    {"6.3.7", "The document's own address must lead to it. Judged by its text alone."},
    {"6.3.8", "Misspelt words make searches miss, and readers doubt."},
    {"6.3.9", "Asset tools match by vendor, product name and version, in this order."},
    {"6.3.10", "Single versions can be matched exactly; ranges leave room for doubt."},
    {"6.3.11", "The v is no part of the version; comparing programs stumble over it."},
};

const char *tsn_csaf_why(const char *test)
{
    /* 6.1.27.x are parts of one test. */
    size_t n = strncmp(test, "6.1.27", 6) == 0 ? 6 : strlen(test);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strlen(rows[i].test) == n && memcmp(rows[i].test, test, n) == 0) {
            return rows[i].why;
        }
    }
    return "";
}
