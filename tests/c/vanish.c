/*
 * SIGPIPE is at its default, and 10,000 clients vanish in the middle of a broadcast: while the server's thread is in a callback, so that it writes to them before it can
 * notice. Many of them have not read what was published before, so that it is in the middle of a frame with them.
 */
#include "check.h"
#include <dirent.h>
#include <signal.h>

enum { ROUNDS = 100, CLIENTS = 100, BYTES = 32768 };

static andon_topic all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int held, released; /* The rounds in which the server's thread was. */

static void start_it(void *context, andon_effects *fx, const andon_setup *setup) {
    (void)context; (void)fx;
    OK(andon_setup_topic(setup, andon_text("all"), &all));
}

static void opened(void *context, andon_effects *fx, andon_conn conn, const andon_request *request) {
    (void)context; (void)request;
    OK(andon_effects_subscribe(fx, conn, all));
}

static void message(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    static char large[BYTES];
    (void)context; (void)conn; (void)kind;
    if (data.data[0] == 'h') {
        pthread_mutex_lock(&lock);
        held++;
        pthread_cond_broadcast(&changed);
        while (released < held) pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
    }
    OK(andon_effects_publish(fx, all, ANDON_MESSAGE_BINARY, andon_bytes_of(large, sizeof large)));
}

static void vanish(int client, int how) {
    struct linger reset = {1, 0};
    /* Two ways that the server's writes are told of as a reset, and one that is told of as a broken pipe. */
    if (how % 3 == 0) CHECK(shutdown(client, SHUT_WR) == 0);
    if (how % 3 != 1) CHECK(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    close(client); /* With what was not read, which makes a reset of it by itself. */
}

/* No thread of this process has a SIGPIPE waiting behind its mask. */
static void no_signal_waits(void) {
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int seen = 0;
    CHECK(tasks != NULL);
    while ((task = readdir(tasks)) != NULL) {
        char path[512], line[256];
        FILE *status;
        if (task->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        if (!(status = fopen(path, "r"))) continue;
        while (fgets(line, sizeof line, status)) {
            if (strncmp(line, "SigPnd:", 7) != 0) continue;
            CHECK((strtoull(line + 7, NULL, 16) >> (SIGPIPE - 1) & 1) == 0);
            seen++;
        }
        fclose(status);
    }
    closedir(tasks);
    CHECK(seen >= 2);
}

static void takes_one(int client) {
    static char data[BYTES + 64];
    CHECK(ws_read(client, data, sizeof data) == 2);
}

int main(void) {
    andon_config *config = config_new();
    andon_topic_options stream = ANDON_TOPIC_OPTIONS_INIT;
    andon_contract contract = ANDON_CONTRACT_INIT;
    struct sigaction at_end;
    andon_server *server;
    uint16_t port;
    int round, at, clients[CLIENTS], survivor, newcomer;

    begin();
    signal(SIGPIPE, SIG_DFL);
    stream.topic_class = ANDON_TOPIC_STREAM;
    OK(andon_config_topic(config, andon_text("all"), &stream));
    contract.start = start_it;
    contract.opened = opened;
    contract.message = message;
    OK(andon_config_contract(config, andon_text("/all"), &contract, NULL));
    server = start(config);
    port = andon_server_port(server, 0);
    CHECK((survivor = ws_open(port, "/all")) >= 0);
    for (round = 1; round <= ROUNDS; round++) {
        for (at = 0; at < CLIENTS; at++) CHECK((clients[at] = ws_open(port, "/all")) >= 0);
        ws_text(survivor, "publish");
        takes_one(survivor);
        ws_text(survivor, "hold, and publish");
        pthread_mutex_lock(&lock);
        while (held < round) pthread_cond_wait(&changed, &lock);
        for (at = 0; at < CLIENTS; at++) vanish(clients[at], at);
        released++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        takes_one(survivor);
        /* Before the next come, for whom there might be no descriptors. */
        while (counted(server, "closed") < (uint64_t)round * CLIENTS) sched_yield();
    }
    CHECK(counted(server, "opened") == ROUNDS * CLIENTS + 1);
    CHECK(counted(server, "closed") == ROUNDS * CLIENTS);
    CHECK(counted(server, "closed_lost") == ROUNDS * CLIENTS);
    CHECK(counted(server, "open") == 1);
    no_signal_waits();
    CHECK(sigaction(SIGPIPE, NULL, &at_end) == 0 && at_end.sa_handler == SIG_DFL);
    /* It serves as before, who stayed and who comes. */
    CHECK((newcomer = ws_open(port, "/all")) >= 0);
    ws_text(newcomer, "publish");
    takes_one(newcomer);
    takes_one(survivor);
    close(newcomer);
    close(survivor);
    andon_server_free(server);
    return 0;
}
