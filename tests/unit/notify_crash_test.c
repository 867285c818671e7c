/* kill -9 at every system call that matters: a child posts and flushes and is killed at the nth fsync, rename, unlink, send or
 * receive, counted over the whole run; then another child flushes unharmed. Whatever n is, nothing may be lost, and what is told
 * twice is no more than notify.h says.
 *
 * The functions are defined here, so that the library and libcurl call these instead of the C library's. */
#include <sys/syscall.h>

#include "../standins/notices_stage.h"

#define VISIBLE __attribute__((visibility("default")))

static int kill_at; /* 0: never */
static int calls;

static void count_call(void) {
    if (kill_at > 0 && ++calls == kill_at)
        raise(SIGKILL);
}

VISIBLE int fsync(int descriptor) {
    count_call();
    return (int)syscall(SYS_fsync, descriptor);
}

VISIBLE int rename(const char *from, const char *to) {
    count_call();
    int result = (int)syscall(SYS_rename, from, to);
    count_call();
    return result;
}

VISIBLE int unlink(const char *path) {
    count_call();
    int result = (int)syscall(SYS_unlink, path);
    count_call();
    return result;
}

VISIBLE ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
    count_call();
    ssize_t result = syscall(SYS_sendto, descriptor, bytes, length, flags, NULL, 0);
    count_call();
    return result;
}

VISIBLE ssize_t recv(int descriptor, void *bytes, size_t length, int flags) {
    count_call();
    ssize_t result = syscall(SYS_recvfrom, descriptor, bytes, length, flags, NULL, NULL);
    count_call();
    return result;
}

/* In a child: posts if told so, flushes, and is killed at the nth call. Returns its exit status, or -1 when it was killed. */
static int run_child(bool posts, int at) {
    pid_t child = fork();
    if (child == 0) {
        kill_at = at;
        calls = 0;
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, STDERR_FILENO);
        int status = posts ? stage_post("crash", "the key") : 0;
        const struct notify_budget budget = {.now = stage.now, .time = 10 * FOREVER, .count = 3};
        if (status == 0)
            status = notify_flush(stage.notify, &budget, NULL);
        _exit(status);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
}

/* The stand-in answers one after the other: when this is answered, it has dealt with a killed child's request. */
static void settle_stand_in(void) {
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)stage.notices.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(peer, (const struct sockaddr *)&name, sizeof name), 0);
    static const char request[] = "GET /ready HTTP/1.0\r\n\r\n";
    char bytes[4096];
    assert_int_equal(send(peer, request, sizeof request - 1, 0), sizeof request - 1);
    while (recv(peer, bytes, sizeof bytes, 0) > 0)
        ;
    close(peer);
}

static void forget_outbox(void) {
    char *path = scene_path(&stage.directory, "outbox");
    nftw(path, scene_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
    notices_forget(&stage.notices);
    stage_open();
}

struct tally {
    int points, lost_before_post, told_once, told_by_retry, asked_twice, unknown, only_kept;
};

/* Kills at one point, and recovers. False when the child got through. */
static bool crash_at(int at, struct tally *tally) {
    forget_outbox();
    int status = run_child(true, at);
    settle_stand_in();
    size_t told_before = notices_count(&stage.notices, "told.jsonl");
    bool posted = stage_files("") + stage_files("unknown") + told_before > 0;
    stage.now += 2 * 60 * 1000;
    for (int i = 0; i < 2; i++) {
        int recovered = run_child(false, 0);
        assert_true(recovered == 0 || recovered == EXIT_ATTENTION);
        stage.now += 2 * 60 * 1000;
    }
    size_t told = notices_count(&stage.notices, "told.jsonl");
    size_t requests = notices_count(&stage.notices, "requests.jsonl");
    size_t unknown = stage_files("unknown");
    /* Nothing is left behind, whatever became of it. */
    assert_int_equal(stage_files(""), 0);
    assert_int_equal(stage_files("rejected") + stage_files("old"), 0);
    assert_true(told <= 1); /* what a reader sees */
    if (posted && told == 0)
        assert_int_equal(unknown, 1); /* kept, with its text */
    if (!posted)
        assert_int_equal(told + unknown, 0);
    if (stage.settings.via == NOTIFY_CHATWORK)
        assert_int_equal(unknown, 0);
    tally->points++;
    tally->lost_before_post += !posted;
    tally->told_once += told == 1;
    tally->told_by_retry += told > told_before;
    tally->asked_twice += requests > 1;
    tally->unknown += unknown == 1;
    tally->only_kept += unknown == 1 && told == 0;
    /* Told already: a later notice with the key is not told again, unless nobody knows about the first. */
    if (told == 1 && unknown == 0) {
        assert_int_equal(stage_post("crash", "the key"), 0);
        assert_int_equal(stage_flush(0), 0);
        bool forgotten = notices_count(&stage.notices, "told.jsonl") > 1;
        assert_false(forgotten);
    }
    if (status == 0)
        assert_int_equal(requests, 1);
    return status == -1;
}

static struct tally crash_everywhere(int via) {
    struct tally tally = {0};
    stage.settings.via = via;
    stage_open();
    for (int at = 1; crash_at(at, &tally); at++)
        assert_true(at < 200);
    print_message("[          ] %d points: %d before the post was done, told %d (%d by the second run), %d unknown\n",
                  tally.points, tally.lost_before_post, tally.told_once, tally.told_by_retry, tally.unknown);
    assert_true(tally.points > 15);
    assert_true(tally.lost_before_post > 0 && tally.told_by_retry > 0);
    assert_int_equal(tally.lost_before_post + tally.told_once + tally.only_kept, tally.points);
    return tally;
}

static void chatwork_is_told_exactly_once(void **state) {
    (void)state;
    struct tally tally = crash_everywhere(NOTIFY_CHATWORK);
    assert_int_equal(tally.unknown, 0);
    assert_int_equal(tally.told_once + tally.lost_before_post, tally.points);
}

static void slack_is_told_at_most_once(void **state) {
    (void)state;
    struct tally tally = crash_everywhere(NOTIFY_SLACK);
    assert_true(tally.unknown > 0);
    assert_int_equal(tally.asked_twice, 0);
}

static void the_webhook_is_told_at_least_once(void **state) {
    (void)state;
    struct tally tally = crash_everywhere(NOTIFY_WEBHOOK);
    assert_int_equal(tally.unknown, 0);
    assert_int_equal(tally.told_once + tally.lost_before_post, tally.points);
    assert_true(tally.asked_twice > 0);
}

/* Whether a file of the outbox says that it is only waiting to be moved. */
static bool is_judged(void) {
    char *outbox = scene_path(&stage.directory, "outbox");
    DIR *handle = opendir(outbox);
    bool judged = false;
    for (const struct dirent *entry = NULL; (entry = readdir(handle)) != NULL;) {
        char *path = xasprintf("%s/%s", outbox, entry->d_name);
        char *content = entry->d_name[0] != '.' ? scene_read(path) : NULL;
        judged = judged || (content != NULL && strstr(content, "\"verdict\":1") != NULL);
        free(content);
        free(path);
    }
    closedir(handle);
    free(outbox);
    return judged;
}

/* The move to outbox/rejected, and the summary of old notices, at every point too. */
static void moving_aside_survives_kills(void **state) {
    (void)state;
    stage.settings.via = NOTIFY_WEBHOOK;
    bool killed = true;
    int judged = 0;
    for (int at = 1; killed; at++) {
        forget_outbox();
        assert_int_equal(stage_post("bad", NULL), 0);
        notices_script(&stage.notices, "status=400\nstatus=400\nstatus=400\n");
        killed = run_child(false, at) == -1;
        settle_stand_in();
        size_t requests = notices_count(&stage.notices, "requests.jsonl");
        bool only_to_be_moved = is_judged();
        judged += only_to_be_moved;
        stage.now += 3600 * 1000;
        run_child(false, 0);
        if (only_to_be_moved) /* it is not sent again */
            assert_int_equal(notices_count(&stage.notices, "requests.jsonl"), requests);
        assert_int_equal(stage_files(""), 0);
        assert_int_equal(stage_files("rejected"), 1);
        assert_told_count(0);
        assert_true(at < 200);
    }
    assert_true(judged > 0);
}

static void summaries_survive_kills(void **state) {
    (void)state;
    stage.settings.via = NOTIFY_WEBHOOK;
    bool killed = true;
    for (int at = 1; killed; at++) {
        forget_outbox();
        for (int i = 0; i < 4; i++)
            assert_int_equal(stage_post("old", NULL), 0);
        stage.now += INT64_C(4) * 86400000;
        killed = run_child(false, at) == -1;
        settle_stand_in();
        stage.now += 3600 * 1000;
        stage_open();
        run_child(false, 0);
        assert_int_equal(stage_files(""), 0);
        assert_int_equal(stage_files("old"), 4);
        assert_told_count(1);
        assert_told(0, "4 notices could not be sent in time");
        assert_true(at < 300);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        stage_test(chatwork_is_told_exactly_once),     stage_test(slack_is_told_at_most_once),
        stage_test(the_webhook_is_told_at_least_once), stage_test(moving_aside_survives_kills),
        stage_test(summaries_survive_kills),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
