/* Writing a page. Tables are in html_table.c, style and script in html_assets.c. */
#include <openssl/evp.h>
#include <string.h>

#include "html_private.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/utf8.h"
#include "nightshift/report/format.h"
#include "nightshift/report/html.h"

enum { CODE_SHORT = 160 }; /* characters: longer code is folded */

/* --- Text --- */

static const char *entity(char byte) {
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* All bytes that are treated specially here are ASCII, and so never in the middle of a character. */
static void add_escaped(struct text *out, const char *bytes, size_t length, const char *kept) {
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && entity(bytes[end]) == NULL && (bytes[end] == '\0' || strchr(kept, bytes[end]) == NULL))
            end++;
        text_append_printable(out, bytes + at, end - at);
        if (end == length)
            break;
        if (entity(bytes[end]) != NULL)
            text_add(out, entity(bytes[end]));
        else
            text_append(out, bytes + end, 1);
        at = end + 1;
    }
    text_append(out, "", 0);
}

void html_add_bytes(struct text *out, const char *bytes, size_t length) {
    add_escaped(out, bytes, length, "");
}

void html_add_text(struct text *out, const char *string) {
    html_add_bytes(out, string, strlen(string));
}

void html_add_lines(struct text *out, const char *bytes, size_t length) {
    add_escaped(out, bytes, length, "\n\t");
}

/* How many bytes the first `characters` characters take. */
static size_t prefix(const char *string, size_t characters) {
    size_t length = strlen(string);
    size_t at = 0;
    for (size_t i = 0; i < characters && at < length; i++) {
        unsigned code = 0;
        size_t used = utf8_decode(string + at, length - at, &code);
        at += used > 0 ? used : 1;
    }
    return at;
}

void html_add_code(struct text *out, const char *code) {
    size_t length = strlen(code);
    size_t shown = prefix(code, CODE_SHORT);
    if (shown == length && strchr(code, '\n') == NULL) {
        text_add(out, "<code>");
        html_add_bytes(out, code, length);
        text_add(out, "</code>");
        return;
    }
    size_t line = strcspn(code, "\r\n");
    text_add(out, "<details><summary><code>");
    html_add_bytes(out, code, line < shown ? line : shown);
    text_add(out, "…</code></summary><pre>");
    html_add_lines(out, code, length);
    text_add(out, "</pre></details>");
}

void html_add_time(struct text *out, int64_t milliseconds) {
    text_add(out, "<time datetime=\"");
    clock_add_local(out, milliseconds);
    text_add(out, "\">");
    format_time(out, milliseconds);
    text_add(out, "</time>");
}

/* --- Page --- */

/* The source expression of a policy that allows exactly this text. */
static void add_hash(struct text *out, const char *content) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char base64[EVP_MAX_MD_SIZE * 2];
    unsigned length = 0;
    EVP_Digest(content, strlen(content), digest, &length, EVP_sha256(), NULL);
    int written = EVP_EncodeBlock(base64, digest, (int)length);
    text_printf(out, "'sha256-%.*s'", written, (const char *)base64);
}

/* A name and a path without a scheme, a host or a root: nothing that leads away from where the page lies. */
static bool is_relative(const char *href) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/#-";
    return href[0] != '\0' && href[0] != '/' && href[strspn(href, allowed)] == '\0';
}

static void add_links(struct text *out, const struct html_head *head) {
    bool any = false;
    for (size_t i = 0; i < head->link_count; i++) {
        if (!is_relative(head->links[i].href))
            continue;
        text_add(out, any ? "" : "<nav aria-label=\"Pages\">");
        text_printf(out, "<a href=\"%s\">", head->links[i].href);
        html_add_text(out, head->links[i].title);
        text_add(out, "</a> ");
        any = true;
    }
    text_add(out, any ? "</nav>\n" : "");
}

void html_page_begin(struct text *out, const struct html_head *head) {
    text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ");
    add_hash(out, html_style);
    text_add(out, "; script-src ");
    add_hash(out, html_script);
    text_add(out,
             "; base-uri 'none'; form-action 'none'\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n<title>");
    html_add_text(out, head->title);
    text_add(out, "</title>\n<style>");
    text_add(out, html_style);
    text_add(out, "</style>\n</head>\n<body>\n<header>\n<h1>");
    html_add_text(out, head->title);
    text_add(out, "</h1>\n<p class=\"muted\">as of ");
    html_add_time(out, head->generated_at);
    text_add(out, "</p>\n");
    add_links(out, head);
    text_add(out, "</header>\n<main>\n");
}

void html_page_end(struct text *out, const struct html_head *head) {
    text_add(out, "</main>\n<footer>");
    html_add_text(out, head->program);
    text_add(out, " " NIGHTSHIFT_VERSION ", <span class=\"number\">");
    clock_add_local(out, head->generated_at);
    text_add(out, "</span>; all times are in this zone.</footer>\n<script>");
    text_add(out, html_script);
    text_add(out, "</script>\n</body>\n</html>\n");
}

void html_section_begin(struct text *out, const char *id, const char *title) {
    text_printf(out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">", id, id);
    html_add_text(out, title);
    text_add(out, "</h2>\n");
}

void html_section_end(struct text *out) {
    text_add(out, "</section>\n");
}
