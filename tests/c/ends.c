/* How servers end: use after a stop, a fork in between, no stop at all, a stop at exit, a callback that never returns. One of them, as the argument says. */
#include "check.h"
#include <sys/wait.h>

static andon_server *server;
static andon_tags *tags;
static andon_equipment equipment;
static andon_tag tag[4];
static volatile int inside;

static void block(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    (void)context; (void)fx; (void)conn; (void)kind; (void)data;
    if (data.length == 4 && memcmp(data.data, "stop", 4) == 0) {
        andon_stopped stopped;
        OK(andon_server_stop(server, 0, &stopped));
        CHECK(stopped == ANDON_STOPPED_REQUESTED);
    } else {
        __atomic_store_n(&inside, 1, __ATOMIC_SEQ_CST);
        for (;;) pause();
    }
}

static void start_it(void) {
    andon_config *config = config_new();
    andon_contract contract = ANDON_CONTRACT_INIT;
    andon_topic_options state = ANDON_TOPIC_OPTIONS_INIT;
    tags = press(&equipment, tag);
    contract.message = block;
    state.topic_class = ANDON_TOPIC_STATE;
    OK(andon_config_contract(config, andon_text("/block"), &contract, NULL));
    OK(andon_config_monitor(config, andon_text("/m"), tags, NULL, NULL));
    OK(andon_config_topic(config, andon_text("t"), &state));
    OK(andon_config_hub(config, andon_text("/ws/{topic}"), NULL, NULL));
    OK(andon_config_events(config, ANDON_EVENTS_ALL));
    OK(andon_config_stop_timeout(config, 50));
    server = start(config);
}

static void after_a_stop(void) {
    andon_stopped stopped;
    andon_topic topic;
    andon_conn conn = {0, 1};
    andon_mount mount;
    andon_event event = ANDON_EVENT_INIT;
    start_it();
    OK(andon_server_topic(server, andon_text("t"), &topic));
    OK(andon_server_stop(server, 1000, NULL));
    OK(andon_server_stop(server, 1000, &stopped));
    CHECK(stopped == ANDON_STOPPED_CLEAN);
    STATUS(ANDON_STATUS_STOPPED, andon_server_publish(server, topic, ANDON_MESSAGE_TEXT, words("a")));
    STATUS(ANDON_STATUS_STOPPED, andon_server_publish_key(server, topic, andon_text("k"), ANDON_MESSAGE_TEXT, words("a")));
    STATUS(ANDON_STATUS_STOPPED, andon_server_forget_key(server, topic, andon_text("k")));
    STATUS(ANDON_STATUS_STOPPED, andon_server_send(server, conn, ANDON_MESSAGE_TEXT, words("a")));
    STATUS(ANDON_STATUS_STOPPED, andon_server_close(server, conn, 1000, andon_text("")));
    STATUS(ANDON_STATUS_STOPPED, andon_server_revoke(server, andon_text("a")));
    STATUS(ANDON_STATUS_STOPPED, andon_server_let_in(server, conn, andon_text("a"), andon_text("")));
    STATUS(ANDON_STATUS_STOPPED, andon_server_resume(server, conn));
    STATUS(ANDON_STATUS_STOPPED, andon_hub_publish(server, andon_text("robots"), andon_text(""), andon_text("1")));
    OK(andon_server_mount(server, andon_text("/m"), &mount));
    STATUS(ANDON_STATUS_STOPPED, andon_server_command(server, mount, 0, words("a")));
    STATUS(ANDON_STATUS_ENDED, andon_server_next_event(server, ANDON_FOREVER, &event));
    OK(andon_tag_set_bool(tags, tag[0], true));
    CHECK(andon_server_port(server, 0) != 0);
    CHECK(counted(server, "connections") == 0);
    andon_server_free(server);
    andon_tags_free(tags);
}

static void in_a_child(void) {
    andon_topic topic = {0, 0};
    andon_event event = ANDON_EVENT_INIT;
    andon_equipment_options options = ANDON_EQUIPMENT_OPTIONS_INIT;
    andon_stopped stopped = -1;
    andon_tag_write one;
    uint64_t value;
    int fd, status, client;
    pid_t child;
    start_it();
    OK(andon_server_event_fd(server, &fd));
    OK(andon_tag_set_i64(tags, tag[1], 1));
    memset(&one, 0, sizeof one);
    one.tag = tag[1];
    one.kind = ANDON_KIND_I64;
    child = fork();
    if (child == 0) {
        STATUS(ANDON_STATUS_FORKED, andon_tag_set_i64(tags, tag[1], 2));
        STATUS(ANDON_STATUS_FORKED, andon_tag_set_text(tags, tag[3], andon_text("x")));
        STATUS(ANDON_STATUS_FORKED, andon_tags_update(tags, equipment, &one, 1));
        STATUS(ANDON_STATUS_FORKED, andon_tags_touch(tags, equipment));
        STATUS(ANDON_STATUS_FORKED, andon_tags_set_status(tags, equipment, ANDON_EQUIPMENT_IDLE));
        STATUS(ANDON_STATUS_FORKED, andon_tags_source_lost(tags));
        STATUS(ANDON_STATUS_FORKED, andon_tags_declare(tags, &options, &equipment));
        STATUS(ANDON_STATUS_FORKED, andon_server_publish(server, topic, ANDON_MESSAGE_TEXT, words("a")));
        STATUS(ANDON_STATUS_FORKED, andon_server_stop(server, 1000, &stopped));
        STATUS(ANDON_STATUS_FORKED, andon_server_next_event(server, ANDON_FOREVER, &event));
        STATUS(ANDON_STATUS_FORKED, andon_server_event_fd(server, &fd));
        STATUS(ANDON_STATUS_FORKED, andon_server_stats(server, &value, 1));
        CHECK(strstr(andon_last_error(), "parent") && stopped == -1);
        andon_server_free(server);
        andon_tags_free(tags);
        /* One of its own; this program's child may, in a test. */
        start_it();
        OK(andon_tag_set_i64(tags, tag[1], 3));
        client = ws_open(andon_server_port(server, 0), "/m");
        ws_until(client, "\"count\":3");
        andon_server_free(server);
        exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    client = ws_open(andon_server_port(server, 0), "/m");
    ws_until(client, "\"count\":1");
    OK(andon_tag_set_i64(tags, tag[1], 4));
    ws_until(client, "\"count\":4");
    close(client);
    andon_server_free(server);
    andon_tags_free(tags);
}

static void stop_it(void) {
    andon_stopped stopped;
    OK(andon_server_stop(server, 50, &stopped));
    CHECK(stopped == ANDON_STOPPED_CLEAN);
    andon_server_free(server);
    andon_tags_free(tags);
    fputs("stopped at exit\n", stdout);
    fflush(stdout);
}

static void abandoned(void) {
    andon_stopped stopped;
    int client;
    start_it();
    client = ws_open(andon_server_port(server, 0), "/block");
    ws_text(client, "for ever");
    while (!__atomic_load_n(&inside, __ATOMIC_SEQ_CST)) sched_yield();
    OK(andon_server_stop(server, 50, &stopped));
    CHECK(stopped == ANDON_STOPPED_ABANDONED);
    OK(andon_server_stop(server, 50, &stopped));
    CHECK(stopped == ANDON_STOPPED_ABANDONED);
    andon_server_free(server);
    close(client);
}

static void from_a_callback(void) {
    andon_stopped stopped;
    int client;
    char data[256];
    start_it();
    client = ws_open(andon_server_port(server, 0), "/block");
    ws_text(client, "stop");
    CHECK(ws_read(client, data, sizeof data) == 8);
    close(client);
    OK(andon_server_stop(server, 1000, &stopped));
    CHECK(stopped == ANDON_STOPPED_CLEAN || stopped == ANDON_STOPPED_FORCED);
    andon_server_free(server);
    andon_tags_free(tags);
}

int main(int count, char **arguments) {
    const char *which = count > 1 ? arguments[1] : "";
    begin();
    if (!strcmp(which, "after_a_stop")) after_a_stop();
    else if (!strcmp(which, "in_a_child")) in_a_child();
    else if (!strcmp(which, "without_a_stop")) {
        start_it();
        CHECK(ws_open(andon_server_port(server, 0), "/m") >= 0);
    } else if (!strcmp(which, "at_exit")) {
        atexit(stop_it);
        start_it();
        STATUS(ANDON_STATUS_NOT_FOUND, andon_server_topic(server, andon_text("nothing"), (andon_topic[1]){{0, 0}}));
        exit(0);
    } else if (!strcmp(which, "abandoned")) abandoned();
    else if (!strcmp(which, "from_a_callback")) from_a_callback();
    else CHECK(!"one of these");
    return 0;
}
