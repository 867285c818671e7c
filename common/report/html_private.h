/* The page's style and script (html_assets.c), exactly as they stand between their tags: the page's policy names their
 * hashes. */
#ifndef NIGHTSHIFT_REPORT_HTML_PRIVATE_H
#define NIGHTSHIFT_REPORT_HTML_PRIVATE_H

extern const char html_style[];
extern const char html_script[];

#endif
