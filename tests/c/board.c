/* The board of a C host: its page, its endpoints with their doors, and a route of the host's own that belongs to a mount and shows a topic. */
#include "check.h"

static andon_topic topic;

static andon_response *show(void *context, andon_conn conn, const andon_request *request, andon_bytes body) {
    andon_response *answer;
    andon_message_kind kind;
    andon_bytes data;
    size_t count = 9;
    (void)context; (void)conn; (void)body;
    OK(andon_request_subscribers(request, topic, &count));
    CHECK(count == 0);
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_request_subscribers(request, topic, NULL));
    OK(andon_response_new(200, &answer));
    if (andon_request_newest(request, topic, 0, &kind, &data) == ANDON_STATUS_OK) {
        CHECK(kind == ANDON_MESSAGE_TEXT);
        STATUS(ANDON_STATUS_NOT_FOUND, andon_request_newest(request, topic, 1, &kind, &data));
        OK(andon_response_header(answer, andon_text("X-Newest"), (andon_str){(const char *)data.data, data.length}));
    }
    return answer;
}

static int get(uint16_t port, const char *path, const char *headers, char *head, size_t room) {
    int client = tcp(port), status = ask(client, "GET", path, headers, head, room);
    close(client);
    return status;
}

int main(void) {
    andon_board_options board = ANDON_BOARD_OPTIONS_INIT;
    andon_mount_options guarded = ANDON_MOUNT_OPTIONS_INIT;
    andon_topic_options state = ANDON_TOPIC_OPTIONS_INIT;
    andon_equipment equipment;
    andon_identities *table;
    andon_identity somebody = ANDON_IDENTITY_INIT;
    andon_gate *gate;
    andon_route route = ANDON_ROUTE_INIT;
    andon_config *config;
    andon_server *server;
    andon_stopped stopped;
    andon_tag tag[4];
    andon_tags *tags = press(&equipment, tag);
    char head[8192];
    uint16_t port;

    begin();
    OK(andon_identities_new(&table));
    somebody.subject = andon_text("anna");
    OK(andon_identities_insert(table, andon_text("s3cret"), &somebody));
    OK(andon_gate_new_identities(table, &gate));
    OK(andon_gate_bearer(gate));

    config = config_new();
    guarded.gate = gate;
    OK(andon_config_monitor(config, andon_text("/ws/monitor"), tags, NULL, &guarded));
    state.topic_class = ANDON_TOPIC_STATE;
    OK(andon_config_topic(config, andon_text("state"), &state));
    board.title = andon_text("Line 3");
    board.monitor = andon_text("/ws/monitor");
    OK(andon_config_board(config, &board));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_board(NULL, &board));
    route.handle = show;
    route.of_mount = andon_text("/ws/monitor");
    OK(andon_config_route(config, andon_text("GET"), andon_text("/mine"), &route));
    server = start(config);
    port = andon_server_port(server, 0);
    OK(andon_server_topic(server, andon_text("state"), &topic));

    CHECK(get(port, "/", "", head, sizeof head) == 200);
    CHECK(strstr(head, "Content-Security-Policy: default-src 'none'"));
    CHECK(get(port, "/api", "", head, sizeof head) == 200);
    CHECK(get(port, "/metrics", "", head, sizeof head) == 200);
    CHECK(get(port, "/readyz", "", head, sizeof head) == 200);
    CHECK(get(port, "/api/equipment", "", head, sizeof head) == 403);
    CHECK(get(port, "/api/equipment", "Authorization: Bearer s3cret\r\n", head, sizeof head) == 200);
    CHECK(get(port, "/mine", "", head, sizeof head) == 403);
    CHECK(get(port, "/mine", "Authorization: Bearer s3cret\r\n", head, sizeof head) == 200);
    CHECK(!strstr(head, "X-Newest"));
    OK(andon_server_publish(server, topic, ANDON_MESSAGE_TEXT, words("how it is")));
    do {
        CHECK(get(port, "/mine", "Authorization: Bearer s3cret\r\n", head, sizeof head) == 200);
    } while (!strstr(head, "X-Newest: how it is"));
    OK(andon_server_stop(server, 5000, &stopped));
    andon_server_free(server);

    /* What cannot be is told by the start. */
    config = config_new();
    board.monitor = andon_text("/elsewhere");
    OK(andon_config_board(config, &board));
    STATUS(ANDON_STATUS_BAD_CONFIG, andon_server_start(config, &server));
    CHECK(strstr(andon_last_error(), "/elsewhere"));
    andon_config_free(config);
    andon_gate_free(gate);
    andon_identities_free(table);
    andon_tags_free(tags);
    return 0;
}
