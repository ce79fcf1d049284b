/* Topics of the host's and a topic hub, published to from C; the hub asks for what is quiet; statistics. */
#include "check.h"

static void opened(void *context, andon_effects *fx, andon_conn conn, const andon_request *request) {
    (void)request;
    OK(andon_effects_subscribe(fx, conn, *(andon_topic *)context));
}

static void start_it(void *context, andon_effects *fx, const andon_setup *setup) {
    andon_topic none;
    (void)fx;
    OK(andon_setup_topic(setup, andon_text("line"), context));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_setup_topic(setup, andon_text("lines"), &none));
    CHECK(andon_setup_mount(setup).index == 0);
}

static void message(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    (void)context; (void)fx; (void)conn; (void)kind; (void)data;
}

int main(void) {
    andon_config *config = config_new();
    andon_topic_options state = ANDON_TOPIC_OPTIONS_INIT;
    andon_contract contract = ANDON_CONTRACT_INIT;
    andon_hub_options hub = ANDON_HUB_OPTIONS_INIT;
    andon_hub_topic topics[2];
    andon_hub_mirror mirror;
    andon_event event = ANDON_EVENT_INIT;
    andon_topic found, seen;
    andon_mount mount;
    andon_server *server;
    int client, robots, status;
    char data[64];
    char *large = calloc(1, 2 << 20);

    begin();
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_topic(config, andon_text("line"), &state));
    state.topic_class = ANDON_TOPIC_STATE;
    state.snapshot = ANDON_SNAPSHOT_KEYED;
    state.lag = ANDON_LAG_CONFLATE;
    state.log_bytes = 1 << 16;
    OK(andon_config_topic(config, andon_text("line"), &state));
    contract.context = &seen;
    contract.start = start_it;
    contract.opened = opened;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_contract(config, andon_text("/line"), &contract, NULL));
    contract.message = message;
    OK(andon_config_contract(config, andon_text("/line"), &contract, NULL));
    topics[0].name = andon_text("robots");
    topics[0].topic_class = ANDON_TOPIC_STATE;
    topics[0].cap = 1;
    topics[1].name = andon_text("status");
    topics[1].topic_class = ANDON_TOPIC_STATE;
    topics[1].cap = 0;
    mirror.from = andon_text("robots");
    mirror.to = andon_text("status");
    hub.topics = topics;
    hub.topics_count = 2;
    hub.mirrors = &mirror;
    hub.mirrors_count = 1;
    hub.poll_interval_ms = 20;
    hub.ping_interval_ms = ANDON_FOREVER;
    OK(andon_config_hub(config, andon_text("/ws/{topic}"), &hub, NULL));
    OK(andon_config_events(config, ANDON_EVENTS_CONTRACTS));
    server = start(config);

    OK(andon_server_topic(server, andon_text("line"), &found));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_server_topic(server, andon_text("lines"), &found));
    OK(andon_server_mount(server, andon_text("/line"), &mount));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_server_mount(server, andon_text("/lines"), &mount));
    OK(andon_server_publish_key(server, found, andon_text("A"), ANDON_MESSAGE_TEXT, words("a1")));
    OK(andon_server_publish_key(server, found, andon_text("B"), ANDON_MESSAGE_TEXT, words("b1")));
    client = ws_open(andon_server_port(server, 0), "/line");
    /* The latest of each key, in whatever order the loop came to them. */
    CHECK(ws_read(client, data, sizeof data) == 1 && ws_read(client, data + 2, sizeof data - 2) == 1);
    CHECK(found.slot == seen.slot && found.generation == seen.generation);
    CHECK(strcmp(data, "a1b1") == 0 || strcmp(data, "b1a1") == 0);
    OK(andon_server_publish(server, found, ANDON_MESSAGE_TEXT, words("for all")));
    ws_until(client, "for all");
    OK(andon_server_forget_key(server, found, andon_text("A")));
    STATUS(ANDON_STATUS_REFUSED, andon_server_publish(server, found, ANDON_MESSAGE_BINARY, andon_bytes_of(large, 2 << 20)));
    STATUS(ANDON_STATUS_BAD_UTF8, andon_server_publish(server, found, ANDON_MESSAGE_TEXT, words("\xff")));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_server_publish(server, found, 3, words("x")));

    OK(andon_hub_publish(server, andon_text("robots"), andon_text("7"), andon_text("{\"id\": 7.10}")));
    STATUS(ANDON_STATUS_BAD_JSON, andon_hub_publish(server, andon_text("robots"), andon_text(""), andon_text("{oops}")));
    CHECK(strstr(andon_last_error(), "line 1, column 2"));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_hub_publish(server, andon_text("robot"), andon_text(""), andon_text("1")));
    CHECK(strstr(andon_last_error(), "robots, status"));
    robots = ws_open(andon_server_port(server, 0), "/ws/robots");
    ws_until(robots, "{\"id\":7.10}");
    CHECK(ws_open(andon_server_port(server, 0), "/ws/robots") == -403);
    CHECK(ws_open(andon_server_port(server, 0), "/ws/doors") == -403);
    status = ws_open(andon_server_port(server, 0), "/ws/status");
    ws_until(status, "{\"id\":7.10}");
    OK(andon_hub_forget(server, andon_text("robots"), andon_text("7")));
    OK(andon_server_next_event(server, ANDON_FOREVER, &event));
    CHECK(event.kind == ANDON_EVENT_HUB_REFRESH);
    CHECK(text_is(event.data.refresh.topic, "robots") || text_is(event.data.refresh.topic, "status"));
    andon_event_release(&event);

    CHECK(counted(server, "published") >= 4);
    CHECK(andon_stats_name(andon_stats_count()) == NULL);
    andon_server_free(server);
    close(client);
    close(robots);
    close(status);
    free(large);
    return 0;
}
