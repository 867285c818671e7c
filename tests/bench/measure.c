/* A stopwatch around one command that a shell's own forks do not blur: measure [-m] COMMAND [ARGUMENT...] prints
 *     milliseconds peak-kB exit-code processor-milliseconds
 * of the command, whose output is thrown away. Processor time is that of all its processes. The peak is that of the whole tree: of every process the highest resident set it had
 * (VmHWM), shared pages counted once per process, added up. It is sampled every 2 ms, and only with -m, as this takes time itself. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PROCESSES = 64 };

struct process {
    pid_t pid;
    long peak; /* kB */
};

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double milliseconds_of(struct timeval time) {
    return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

/* VmHWM of a process in kB; 0 when it is gone. */
static long peak_of(pid_t pid) {
    char path[64], line[256];
    long peak = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtol(line + 6, NULL, 10);
    if (file != NULL)
        fclose(file);
    return peak;
}

/* Notes the process and everything below it. Between fork and exec a child still has its parent's pages, but never more of them. */
static void sample(struct process *processes, pid_t pid) {
    char path[64];
    int i = 0, child = 0;
    long peak = peak_of(pid);
    while (i < MOST_PROCESSES - 1 && processes[i].pid != 0 && processes[i].pid != pid)
        i++;
    processes[i].pid = pid;
    if (peak > processes[i].peak)
        processes[i].peak = peak;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fscanf(file, "%d", &child) == 1)
        sample(processes, child);
    if (file != NULL)
        fclose(file);
}

int main(int count, char **arguments) {
    struct process processes[MOST_PROCESSES] = {{0}};
    const struct timespec pause = {.tv_nsec = 2000000};
    int first = 1, status = 0;
    pid_t pid = 0;
    long peak = 0;
    int memory = count > 2 && strcmp(arguments[1], "-m") == 0;
    first += memory;
    if (count <= first) {
        fprintf(stderr, "usage: measure [-m] COMMAND [ARGUMENT...]\n");
        return 64;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    double began = milliseconds();
    int error = posix_spawnp(&pid, arguments[first], &actions, NULL, arguments + first, environ);
    if (error != 0) {
        fprintf(stderr, "measure: cannot run \"%s\": %s\n", arguments[first], strerror(error));
        return 69;
    }
    while (memory && waitpid(pid, &status, WNOHANG) == 0) {
        sample(processes, pid);
        nanosleep(&pause, NULL);
    }
    if (!memory)
        waitpid(pid, &status, 0);
    double ended = milliseconds();
    for (int i = 0; i < MOST_PROCESSES; i++)
        peak += processes[i].peak;
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("%.3f %ld %d %.3f\n", ended - began, peak, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
           milliseconds_of(usage.ru_utime) + milliseconds_of(usage.ru_stime));
    return 0;
}
