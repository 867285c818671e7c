/* The JSON documents. */
#include "runs_json.h"

#include "describe.h"
#include "nightshift/base/exits.h"
#include "nightshift/report/json.h"
#include "nightshift/run/advice.h"

static json_t *make_duration(int64_t milliseconds) {
    return milliseconds == DUE_NOT_SAID ? json_null() : report_json_seconds(milliseconds * 1000);
}

/* Takes the text's content; nothing becomes null. */
static json_t *make_sentence(struct text *text) {
    json_t *value = report_json_text(text->length > 0 ? text_string(text) : NULL);
    text_free(text);
    return value;
}

static json_t *make_run(const struct seen *run) {
    json_t *outputs = json_object();
    struct text words = {0};
    advice_add_words(&words, run->exit_code);
    for (size_t i = 0; i < run->output_count; i++)
        json_object_set_new(outputs, run->outputs[i].name, json_integer(run->outputs[i].value));
    json_t *object = json_object();
    json_object_set_new(object, "run_id", report_json_text(run->run_id));
    json_object_set_new(object, "host", report_json_text(run->host));
    json_object_set_new(object, "trigger", report_json_text(run->trigger));
    json_object_set_new(object, "slot", report_json_text(run->slot));
    json_object_set_new(object, "started_at", report_json_time(run->started_at));
    json_object_set_new(object, "ended_at", report_json_time(run->ended_at));
    json_object_set_new(object, "duration", make_duration(run->duration));
    json_object_set_new(object, "exit_code", json_integer(run->exit_code));
    json_object_set_new(object, "exit_text", make_sentence(&words));
    json_object_set_new(object, "result", report_json_text(run->result));
    json_object_set_new(object, "reason", report_json_text(run->reason));
    json_object_set_new(object, "warnings", json_integer((json_int_t)run->warnings));
    json_object_set_new(object, "outputs", outputs);
    return object;
}

static json_t *make_running(const struct job_runs *job, const struct gathered *gathered) {
    const struct due *due = &job->due;
    if (due->running_since == 0)
        return json_null();
    bool elsewhere = due->running_id == job->elsewhere.run_id;
    return json_pack("{s:o, s:o, s:o}", "run_id", report_json_text(due->running_id), "host",
                     report_json_text(elsewhere ? job->elsewhere.host : gathered->host), "since",
                     report_json_time(due->running_since));
}

static json_t *make_job(const struct gathered *gathered, const struct job_runs *job) {
    const struct due *due = &job->due;
    struct text reason = {0};
    struct text next = {0};
    describe_add_reason(&reason, job, gathered->now);
    describe_add_next(&next, job);
    json_t *object = json_object();
    json_object_set_new(object, "job", report_json_text(job->name));
    json_object_set_new(object, "state", report_json_text(due_state_word(due->state)));
    json_object_set_new(object, "failing", json_boolean(due_is_failure(due->state)));
    json_object_set_new(object, "overdue", json_boolean(due->overdue));
    json_object_set_new(object, "running", make_running(job, gathered));
    json_object_set_new(object, "last", due->last != NULL ? make_run(due->last) : json_null());
    json_object_set_new(object, "killed_run", report_json_text(due->killed_id));
    json_object_set_new(object, "reason", make_sentence(&reason));
    json_object_set_new(object, "next_step", make_sentence(&next));
    json_object_set_new(object, "data_at", report_json_time(due->data_at));
    json_object_set_new(object, "data_age",
                        make_duration(due->data_at > 0 ? gathered->now - due->data_at : DUE_NOT_SAID));
    json_object_set_new(object, "usual_duration", make_duration(due->usual));
    json_object_set_new(object, "interval", make_duration(due->interval > 0 ? due->interval : DUE_NOT_SAID));
    json_object_set_new(object, "expected_by_settings", json_boolean(job->every > 0));
    json_object_set_new(object, "next_due", report_json_time(due->next));
    json_object_set_new(object, "unreadable_lines", json_integer((json_int_t)job->unreadable));
    return object;
}

static json_t *begin(const struct gathered *gathered) {
    json_t *document = json_object();
    json_object_set_new(document, "at", report_json_time(gathered->now));
    json_object_set_new(document, "host", report_json_text(gathered->host));
    json_object_set_new(document, "redis_problem", report_json_text(gathered->redis_problem));
    return document;
}

void runs_json_print(const struct gathered *gathered, FILE *out) {
    json_t *document = begin(gathered);
    json_t *jobs = json_array();
    for (size_t i = 0; i < gathered->count; i++)
        json_array_append_new(jobs, make_job(gathered, &gathered->jobs[i]));
    json_object_set_new(document, "jobs", jobs);
    report_json_print(document, out);
}

void runs_json_print_job(const struct gathered *gathered, const struct job_runs *job, FILE *out) {
    json_t *document = begin(gathered);
    json_t *runs = json_array();
    for (size_t i = job->runs.count; i > 0; i--)
        json_array_append_new(runs, make_run(&job->runs.items[i - 1]));
    json_object_set_new(document, "job", make_job(gathered, job));
    json_object_set_new(document, "runs", runs);
    report_json_print(document, out);
}
