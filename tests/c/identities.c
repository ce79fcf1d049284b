/* Who may come in: secrets of a table, signed tokens, the host's word, and chains of these, at mounts and routes. */
#include "check.h"

/* Not secrets: they stand here. The token is {"sub":"17","name":...,"roles":["STUDENT"],"exp":32503680000}, signed by HS256. */
static const char *SECRET = "the secret of an example, in its source";
#define TOKEN                                                                                                  \
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyIsIm5hbWUiOiLsnbTsiJzsi6AiLCJyb2xlcyI6WyJTVFVERU5UIl0sImV4cCI6MzI1MDM" \
    "2ODAwMDB9.YRqvr8U10p_A2CQyaujOndtXRzk5ZqsprT3mdg2tCrw"

static void opened(void *context, andon_effects *fx, andon_conn conn, const andon_request *request) {
    char text[128];
    andon_str line = {NULL, 0};
    int has = andon_request_claim(request, andon_text("line"), &line) == ANDON_STATUS_OK;
    int made = snprintf(text, sizeof text, "%s is %s%s%s", andon_request_subject(request).data,
                        andon_request_has_role(request, andon_text("PANEL")) ? "a panel" : "no panel", has ? " of line " : "", has ? line.data : "");
    (void)context;
    CHECK(made > 0 && (size_t)made < sizeof text);
    OK(andon_effects_send(fx, conn, ANDON_MESSAGE_TEXT, words(text)));
}

static void message(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    (void)context; (void)fx; (void)conn; (void)kind; (void)data;
}

static andon_response *greet(void *context, andon_conn conn, const andon_request *request, andon_bytes body) {
    andon_response *answer;
    (void)context; (void)conn; (void)body;
    OK(andon_response_new(200, &answer));
    OK(andon_response_header(answer, andon_text("X-Who"), andon_request_subject(request)));
    return answer;
}

static void tables(void) {
    andon_identities *table, *not_one;
    andon_identity who = ANDON_IDENTITY_INIT;
    char long_secret[4098];
    size_t count = 9;
    memset(long_secret, 'x', sizeof long_secret - 1);
    long_secret[sizeof long_secret - 1] = 0;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_identities_new(NULL));
    OK(andon_identities_new(&table));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_identities_insert(NULL, andon_text("a"), &who));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_identities_insert(table, andon_text("a"), NULL));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_identities_insert(table, andon_text("a"), &who));
    who.subject = andon_text("17");
    STATUS(ANDON_STATUS_BAD_CREDENTIAL, andon_identities_insert(table, andon_text(""), &who));
    STATUS(ANDON_STATUS_BAD_CREDENTIAL, andon_identities_insert(table, andon_text(long_secret), &who));
    CHECK(!strstr(andon_last_error(), "xxx"));
    who.struct_size = 3;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_identities_insert(table, andon_text("a"), &who));
    who.struct_size = sizeof who;
    who.roles_count = 1;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_identities_insert(table, andon_text("a"), &who));
    who.roles_count = 0;
    STATUS(ANDON_STATUS_BAD_UTF8, andon_identities_insert(table, andon_text("\xff"), &who));
    OK(andon_identities_insert(table, andon_text("a"), &who));
    OK(andon_identities_insert(table, andon_text("b"), &who));
    OK(andon_identities_count(table, &count));
    CHECK(count == 2);
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_identities_count(table, NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_identities_count(NULL, &count));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_identities_remove(NULL, andon_text("a")));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_identities_remove_subject(NULL, andon_text("a"), NULL));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_identities_remove(table, andon_text("c")));
    OK(andon_identities_remove_subject(table, andon_text("17"), &count));
    CHECK(count == 2);
    OK(andon_identities_remove_subject(table, andon_text("17"), NULL));
    not_one = (andon_identities *)(void *)config_new();
    STATUS(ANDON_STATUS_BAD_HANDLE, andon_identities_count(not_one, &count));
    andon_config_free((andon_config *)(void *)not_one);
    andon_identities_free(table);
    andon_identities_free(NULL);
}

static void gates(const andon_identities *table) {
    andon_gate *gate, *asking;
    andon_jwt_options jwt = ANDON_JWT_OPTIONS_INIT;
    andon_jwt_key key;
    int at;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_new_identities(NULL, &gate));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_new_identities(table, NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_new_asking(NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_new_jwt(NULL, &gate));
    STATUS(ANDON_STATUS_BAD_CREDENTIAL, andon_gate_new_jwt(&jwt, &gate));
    memset(&key, 0, sizeof key);
    jwt.keys = &key;
    jwt.keys_count = 1;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_gate_new_jwt(&jwt, &gate));
    key.algorithm = ANDON_JWT_HS256;
    key.key = words("too short");
    STATUS(ANDON_STATUS_BAD_CREDENTIAL, andon_gate_new_jwt(&jwt, &gate));
    CHECK(strstr(andon_last_error(), "32 bytes") && !strstr(andon_last_error(), "too short"));
    for (at = ANDON_JWT_RS256; at <= ANDON_JWT_EDDSA; at++) {
        key.algorithm = at;
        STATUS(ANDON_STATUS_BAD_CREDENTIAL, andon_gate_new_jwt(&jwt, &gate));
        CHECK(strstr(andon_last_error(), "PEM"));
    }
    jwt.struct_size = 0;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_gate_new_jwt(&jwt, &gate));

    OK(andon_gate_new_identities(table, &gate));
    OK(andon_gate_new_asking(&asking));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_cookie(NULL, andon_text("a")));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_bearer(NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_query(NULL, andon_text("a")));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_subprotocol(NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_challenge(NULL, andon_text("a")));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_or(gate, NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_or(NULL, gate));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_gate_optional(NULL));
    STATUS(ANDON_STATUS_BAD_HANDLE, andon_gate_bearer((andon_gate *)(void *)(uintptr_t)table));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_gate_query(gate, andon_text("")));
    STATUS(ANDON_STATUS_BAD_HEADER, andon_gate_challenge(gate, andon_text("a\r\nb")));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_gate_bearer(asking));
    /* Chained with itself it doubles, until it is too long. */
    for (at = 0; at < 4; at++) OK(andon_gate_or(gate, gate));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_gate_or(gate, asking));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_gate_optional(gate));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_gate_cookie(gate, andon_text("")));
    andon_gate_free(gate);
    andon_gate_free(asking);
    andon_gate_free(NULL);
}

int main(void) {
    andon_config *config = config_new();
    andon_identities *table;
    andon_identity who = ANDON_IDENTITY_INIT;
    andon_gate *panels, *tokens, *chain, *guests;
    andon_jwt_options jwt = ANDON_JWT_OPTIONS_INIT;
    andon_jwt_key keys[2];
    andon_contract contract = ANDON_CONTRACT_INIT;
    andon_mount_options mount = ANDON_MOUNT_OPTIONS_INIT;
    andon_route route = ANDON_ROUTE_INIT;
    andon_event event = ANDON_EVENT_INIT;
    andon_claim claim;
    andon_str role = andon_text("PANEL"), roles[2];
    andon_server *server;
    char head[2048];
    uint16_t port;
    int client, second;

    begin();
    tables();
    OK(andon_identities_new(&table));
    gates(table);
    claim.name = andon_text("line");
    claim.value = andon_text("7");
    who.subject = andon_text("panel-7");
    who.roles = &role;
    who.roles_count = 1;
    who.claims = &claim;
    who.claims_count = 1;
    OK(andon_identities_insert(table, andon_text("s3cret"), &who));

    /* Panels: a cookie of their own page, and the role. */
    OK(andon_gate_new_identities(table, &panels));
    OK(andon_gate_cookie(panels, andon_text("")));
    OK(andon_gate_cookie(panels, andon_text("panel")));
    mount.gate = panels;
    mount.roles = &role;
    mount.roles_count = 1;
    contract.opened = opened;
    contract.message = message;
    OK(andon_config_contract(config, andon_text("/panels"), &contract, &mount));
    mount.same_origin = mount.any_origin = true;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_contract(config, andon_text("/x"), &contract, &mount));
    mount.same_origin = false;
    OK(andon_config_contract(config, andon_text("/anywhere"), &contract, &mount));

    /* Tokens wherever they can be carried; then secrets of the table; then the host's word. */
    keys[0].algorithm = keys[1].algorithm = ANDON_JWT_HS256;
    keys[0].key = words("another secret that has signed none of it");
    keys[1].key = words(SECRET);
    keys[0].id = andon_text("2025");
    keys[1].id = andon_text("2026");
    jwt.keys = keys;
    jwt.keys_count = 2;
    OK(andon_gate_new_jwt(&jwt, &tokens));
    OK(andon_gate_bearer(tokens));
    OK(andon_gate_query(tokens, andon_text("token")));
    OK(andon_gate_subprotocol(tokens));
    OK(andon_gate_challenge(tokens, andon_text("Bearer realm=\"line 7\"")));
    memset(&mount, 0, sizeof mount);
    mount.struct_size = sizeof mount;
    mount.gate = tokens;
    OK(andon_config_contract(config, andon_text("/tokens"), &contract, &mount));
    OK(andon_gate_new_identities(table, &chain));
    OK(andon_gate_query(chain, andon_text("secret")));
    OK(andon_gate_or(chain, tokens));
    mount.gate = chain;
    mount.asks = true;
    roles[0] = andon_text("GUEST");
    roles[1] = role;
    mount.roles = roles;
    mount.roles_count = 2;
    OK(andon_config_contract(config, andon_text("/chain"), &contract, &mount));
    route.handle = greet;
    route.gate = tokens;
    OK(andon_config_route(config, andon_text("GET"), andon_text("/who"), &route));
    OK(andon_gate_optional(tokens));
    route.gate = tokens;
    OK(andon_config_route(config, andon_text("GET"), andon_text("/perhaps"), &route));
    OK(andon_gate_new_asking(&guests));
    route.gate = guests;
    OK(andon_config_route(config, andon_text("GET"), andon_text("/guest"), &route));
    route.gate = (andon_gate *)(void *)config;
    STATUS(ANDON_STATUS_BAD_HANDLE, andon_config_route(config, andon_text("GET"), andon_text("/x"), &route));
    /* Mounts and routes have copies. */
    andon_gate_free(panels);
    andon_gate_free(tokens);
    andon_gate_free(chain);
    andon_gate_free(guests);
    OK(andon_config_events(config, ANDON_EVENTS_ASKS));
    server = start(config);
    port = andon_server_port(server, 0);

    CHECK(ws_open(port, "/panels") == -403);
    CHECK(ws_open_with(port, "/panels", "Cookie: panel=wrong\r\n") == -403);
    CHECK(ws_open_with(port, "/panels", "Cookie: panel=s3cret\r\nOrigin: http://evil.example\r\n") == -403);
    client = ws_open_with(port, "/anywhere", "Cookie: panel=s3cret\r\nOrigin: http://evil.example\r\n");
    ws_until(client, "panel-7 is a panel of line 7");
    close(client);
    client = ws_open_with(port, "/panels", "Cookie: sessionid=s3cret\r\n");
    ws_until(client, "panel-7 is a panel of line 7");

    CHECK(ws_open(port, "/tokens") == -401);
    second = ws_open_with(port, "/tokens", "Authorization: Bearer " TOKEN "\r\n");
    ws_until(second, "17 is no panel");
    close(second);
    second = ws_open_with(port, "/tokens", "Sec-WebSocket-Protocol: andon.bearer, " TOKEN "\r\n");
    ws_until(second, "17 is no panel");
    close(second);
    second = ws_open(port, "/chain?secret=s3cret");
    ws_until(second, "panel-7 is a panel of line 7");
    /* The token names somebody without the role. */
    CHECK(ws_open(port, "/chain?token=" TOKEN) == -403);
    second = (close(second), tcp(port));
    CHECK(ask(second, "GET", "/who", "Authorization: Bearer " TOKEN "\r\n", head, sizeof head) == 200 && strstr(head, "X-Who: 17\r\n"));
    CHECK(ask(second, "GET", "/who", "", head, sizeof head) == 401 && strstr(head, "realm=\"line 7\""));
    close(second);
    second = tcp(port);
    CHECK(ask(second, "GET", "/perhaps", "", head, sizeof head) == 200);
    close(second);

    /* The secret is taken away, then whoever it named is put out. */
    OK(andon_identities_remove(table, andon_text("s3cret")));
    OK(andon_server_revoke(server, andon_text("panel-7")));
    CHECK(ws_read(client, head, sizeof head) == 8 && (unsigned char)head[0] == 1008 >> 8 && (unsigned char)head[1] == (1008 & 255));
    close(client);
    CHECK(ws_open_with(port, "/panels", "Cookie: sessionid=s3cret\r\n") == -403);

    /* Nobody knows this one: the host is asked. */
    second = tcp(port);
    ws_request(second, "/chain", "");
    OK(andon_server_next_event(server, ANDON_FOREVER, &event));
    CHECK(event.kind == ANDON_EVENT_ASKED);
    who.subject = andon_text("guest");
    who.roles = roles;
    who.roles_count = 1;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_server_let_in_as(NULL, event.data.asked.conn, &who));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_server_let_in_as(server, event.data.asked.conn, NULL));
    OK(andon_server_let_in_as(server, event.data.asked.conn, &who));
    andon_event_release(&event);
    CHECK(answer(second, head, sizeof head) == 101);
    ws_until(second, "guest is no panel of line 7");
    close(second);
    CHECK(!andon_request_has_role(NULL, role));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_request_claim(NULL, role, &role));
    /* The table may go before the server. */
    andon_identities_free(table);
    CHECK(ws_open_with(port, "/panels", "Cookie: sessionid=s3cret\r\n") == -403);
    andon_server_free(server);

    /* A role without a gate lets nobody in, and does not build. */
    config = config_new();
    memset(&mount, 0, sizeof mount);
    mount.struct_size = sizeof mount;
    mount.roles = &role;
    mount.roles_count = 1;
    OK(andon_config_contract(config, andon_text("/x"), &contract, &mount));
    STATUS(ANDON_STATUS_BAD_CONFIG, andon_server_start(config, &server));
    CHECK(strstr(andon_last_error(), "gate"));
    andon_config_free(config);
    return 0;
}
