/* source_all.h - the readers of all kinds, each in its small file; source.c alone lists them. */
#pragma once

#include "feed/source.h"

extern const struct tsn_source tsn_source_csaf, tsn_source_osv, tsn_source_cvelist,
    tsn_source_nvd, tsn_source_ghsa, tsn_source_document, tsn_source_kev, tsn_source_epss,
    tsn_source_rss, tsn_source_debian, tsn_source_file, tsn_source_apt, tsn_source_rpm,
    tsn_source_redhat, tsn_source_suse, tsn_source_ubuntu, tsn_source_msrc, tsn_source_cisco,
    tsn_source_maildir, tsn_source_exec;
