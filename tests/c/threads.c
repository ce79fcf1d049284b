/* Several threads at once: writers, publishers and readers of events; one thread on the descriptor alone; and clients that vanish while SIGPIPE is at its default. */
#include "check.h"
#include <signal.h>

enum { ROUNDS = 50, CLIENTS = 20 };

static andon_server *server;
static andon_tags *tags;
static andon_topic topic;
static volatile int ended;
static int opened, closed;

static void *write_tags(void *argument) {
    andon_tag *tag = argument;
    int64_t count = 0;
    while (!__atomic_load_n(&ended, __ATOMIC_SEQ_CST)) {
        andon_status status = andon_tag_set_i64(tags, *tag, count++);
        CHECK(status == ANDON_STATUS_OK || status == ANDON_STATUS_BUSY);
    }
    return NULL;
}

static void *publish(void *argument) {
    static const char large[20000];
    (void)argument;
    while (!__atomic_load_n(&ended, __ATOMIC_SEQ_CST)) {
        andon_status status = andon_server_publish(server, topic, ANDON_MESSAGE_BINARY, andon_bytes_of(large, sizeof large));
        CHECK(status == ANDON_STATUS_OK || status == ANDON_STATUS_STOPPED);
        sched_yield();
    }
    return NULL;
}

static void count(andon_event *event) {
    if (event->kind == ANDON_EVENT_OPENED) __atomic_fetch_add(&opened, 1, __ATOMIC_SEQ_CST);
    if (event->kind == ANDON_EVENT_CLOSED) __atomic_fetch_add(&closed, 1, __ATOMIC_SEQ_CST);
    andon_event_release(event);
}

static void *wait_for_events(void *argument) {
    andon_event event = ANDON_EVENT_INIT;
    andon_status status;
    (void)argument;
    while ((status = andon_server_next_event(server, 1000, &event)) != ANDON_STATUS_ENDED)
        if (status == ANDON_STATUS_OK) count(&event);
    return NULL;
}

static void *poll_for_events(void *argument) {
    andon_event event = ANDON_EVENT_INIT;
    struct pollfd watched;
    andon_status status = ANDON_STATUS_NO_EVENT;
    (void)argument;
    watched.events = POLLIN;
    OK(andon_server_event_fd(server, &watched.fd));
    while (status != ANDON_STATUS_ENDED) {
        /* Only the descriptor wakes it: one that is forgotten would be the alarm's. */
        CHECK(poll(&watched, 1, -1) == 1);
        while ((status = andon_server_next_event(server, 0, &event)) == ANDON_STATUS_OK) count(&event);
    }
    /* The end stays to be seen. */
    CHECK(poll(&watched, 1, 0) == 1);
    return NULL;
}

static void opened_it(void *context, andon_effects *fx, andon_conn conn, const andon_request *request) {
    (void)context; (void)request;
    OK(andon_effects_subscribe(fx, conn, topic));
}

static void message(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    (void)context; (void)fx; (void)conn; (void)kind; (void)data;
}

static void start_it(void *context, andon_effects *fx, const andon_setup *setup) {
    (void)context; (void)fx;
    OK(andon_setup_topic(setup, andon_text("all"), &topic));
}

int main(void) {
    andon_equipment equipment;
    andon_tag tag[4];
    andon_config *config = config_new();
    andon_topic_options state = ANDON_TOPIC_OPTIONS_INIT;
    andon_contract contract = ANDON_CONTRACT_INIT;
    pthread_t threads[6];
    int round, at, clients[CLIENTS];
    struct linger reset = {1, 0};

    begin();
    signal(SIGPIPE, SIG_DFL);
    tags = press(&equipment, tag);
    state.topic_class = ANDON_TOPIC_STATE;
    OK(andon_config_topic(config, andon_text("all"), &state));
    contract.start = start_it;
    contract.opened = opened_it;
    contract.message = message;
    OK(andon_config_contract(config, andon_text("/all"), &contract, NULL));
    OK(andon_config_monitor(config, andon_text("/m"), tags, NULL, NULL));
    OK(andon_config_events(config, ANDON_EVENTS_CONNECTIONS));
    server = start(config);
    CHECK(pthread_create(&threads[0], NULL, write_tags, &tag[1]) == 0);
    CHECK(pthread_create(&threads[1], NULL, write_tags, &tag[1]) == 0);
    CHECK(pthread_create(&threads[2], NULL, publish, NULL) == 0);
    CHECK(pthread_create(&threads[3], NULL, publish, NULL) == 0);
    CHECK(pthread_create(&threads[4], NULL, wait_for_events, NULL) == 0);
    CHECK(pthread_create(&threads[5], NULL, poll_for_events, NULL) == 0);
    /* They go in the middle of a broadcast, by a reset, or by the way that answers a write with EPIPE. */
    for (round = 0; round < ROUNDS; round++) {
        for (at = 0; at < CLIENTS; at++) CHECK((clients[at] = ws_open(andon_server_port(server, 0), "/all")) >= 0);
        for (at = 0; at < CLIENTS; at++) {
            if (at % 2) CHECK(shutdown(clients[at], SHUT_RDWR) == 0);
            else CHECK(setsockopt(clients[at], SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
            close(clients[at]);
        }
    }
    at = ws_open(andon_server_port(server, 0), "/m");
    ws_until(at, "\"count\":");
    close(at);
    while (counted(server, "closed") != ROUNDS * CLIENTS + 1) sched_yield();
    CHECK(counted(server, "opened") == ROUNDS * CLIENTS + 1);
    __atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
    OK(andon_server_stop(server, 1000, NULL));
    for (at = 0; at < 6; at++) CHECK(pthread_join(threads[at], NULL) == 0);
    /* One that opens and closes before anybody looks leaves no trace; who was heard of is heard of again. */
    CHECK(opened == closed && opened > 0);
    andon_server_free(server);
    andon_tags_free(tags);
    return 0;
}
