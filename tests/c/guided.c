/* Guided sessions: led by the host, taken part in by people whom a table of identities knows; all that they tell, and how they are. */
#include "check.h"

static void known(andon_identities *table, const char *secret, const char *id, const char *name, const char *role) {
    andon_identity who = ANDON_IDENTITY_INIT;
    andon_str roles = andon_text(role);
    who.subject = andon_text(id);
    who.name = andon_text(name);
    who.roles = &roles;
    who.roles_count = 1;
    OK(andon_identities_insert(table, andon_text(secret), &who));
}

static andon_event_kind next(andon_server *server, andon_event *event) {
    andon_event_release(event);
    OK(andon_server_next_event(server, ANDON_FOREVER, event));
    return event->kind;
}

static void mistakes(andon_server *server, andon_server *other, const void *no_server) {
    andon_str code = andon_text("TEST001"), json = andon_text("1"), none = {NULL, 1};
    andon_guided_session session;
    andon_guided_list *list = NULL;
    const andon_guided_info *items;
    size_t count;
    char long_text[3000];
    memset(&session, 0, sizeof session);
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
#define NULLED(call) STATUS(ANDON_STATUS_NULL_ARGUMENT, call)
    NULLED(andon_guided_create(NULL, &session));
    NULLED(andon_guided_create(server, NULL));
    NULLED(andon_guided_start_step(NULL, code, 1, json));
    NULLED(andon_guided_start_step(server, none, 1, json));
    NULLED(andon_guided_pause(NULL, code));
    NULLED(andon_guided_resume(NULL, code));
    NULLED(andon_guided_end(NULL, code));
    NULLED(andon_guided_send_to(NULL, code, 1, json));
    NULLED(andon_guided_send_to_role(NULL, code, ANDON_ROLE_STUDENT, json));
    NULLED(andon_guided_sessions(NULL, 1000, &list));
    NULLED(andon_guided_sessions(server, 1000, NULL));
    NULLED(andon_guided_list_items(NULL, &items, &count));
    STATUS(ANDON_STATUS_BAD_HANDLE, andon_guided_pause((andon_server *)(uintptr_t)no_server, code));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_guided_pause(other, code));
    CHECK(strstr(andon_last_error(), "andon_config_guided"));
    STATUS(ANDON_STATUS_BAD_SESSION, andon_guided_create(server, &session));
    session.code = andon_text("A");
    session.instructors_count = 1;
    NULLED(andon_guided_create(server, &session));
    STATUS(ANDON_STATUS_BAD_JSON, andon_guided_send_to(server, code, 1, andon_text("{oops}")));
    CHECK(strstr(andon_last_error(), "column 2"));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_guided_send_to_role(server, code, 3, json));
    STATUS(ANDON_STATUS_REFUSED, andon_guided_start_step(server, code, 1, andon_text(long_text)));
    andon_guided_list_free(NULL);
}

int main(void) {
    andon_config *config = config_new(), *bad;
    andon_guided_options options = ANDON_GUIDED_OPTIONS_INIT;
    andon_guided_texts texts = ANDON_GUIDED_TEXTS_INIT;
    andon_mount_options mount = ANDON_MOUNT_OPTIONS_INIT;
    andon_guided_session session;
    andon_subtask steps[2];
    andon_identities *table;
    andon_gate *gate;
    andon_event event = ANDON_EVENT_INIT;
    andon_guided_list *list;
    const andon_guided_info *items;
    andon_server *server, *other;
    int64_t instructor = 10;
    uint16_t port;
    size_t count;
    int student, teacher;

    begin();
    memset(steps, 0, sizeof steps);
    memset(&session, 0, sizeof session);
    steps[0].id = 2;
    steps[0].order_index = 2;
    steps[0].title = andon_text("Go back");
    steps[1].id = 1;
    steps[1].order_index = 1;
    steps[1].title = andon_text("Open the settings");
    steps[1].target_action = andon_text("CLICK");
    steps[1].guide_text = andon_text("Please open them");
    steps[1].voice_guide_text = andon_text("Open them");
    session.code = andon_text("TEST001");
    session.subtasks = steps;
    session.subtasks_count = 2;
    session.instructors = &instructor;
    session.instructors_count = 1;
    texts.joined = andon_text("You are in");
    options.sessions = &session;
    options.sessions_count = 1;
    options.texts = &texts;
    options.sessions_max = 2;
    options.participants = 2;
    options.words_bytes = 1000;
    options.log_bytes = 1 << 16;
    options.heartbeat_interval_ms = 100;
    OK(andon_identities_new(&table));
    known(table, "student", "1", "Anna", "STUDENT");
    known(table, "teacher", "10", "Bert", "INSTRUCTOR");
    OK(andon_gate_new_identities(table, &gate));
    OK(andon_gate_cookie(gate, andon_text("")));
    mount.gate = gate;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_guided(NULL, andon_text("/g/{code}/"), &options, &mount));
    texts.struct_size = 1;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_config_guided(config, andon_text("/g/{code}/"), &options, &mount));
    texts.struct_size = sizeof texts;
    options.struct_size = 1;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_config_guided(config, andon_text("/g/{code}/"), &options, &mount));
    options.struct_size = sizeof options;
    OK(andon_config_guided(config, andon_text("/g/{code}/"), &options, &mount));
    OK(andon_config_events(config, ANDON_EVENTS_CONTRACTS));
    andon_gate_free(gate);
    bad = config_new();
    options.sessions_max = 0;
    options.heartbeat_interval_ms = 5000;
    OK(andon_config_guided(bad, andon_text("/g/{code}/"), &options, NULL));
    STATUS(ANDON_STATUS_BAD_CONFIG, andon_server_start(bad, &other));
    CHECK(strstr(andon_last_error(), "heartbeat_interval"));
    andon_config_free(bad);
    server = start(config);
    other = start(config_new());
    mistakes(server, other, table);
    andon_server_free(other);
    port = andon_server_port(server, 0);

    CHECK(ws_open(port, "/g/TEST001/") == -403);
    CHECK(ws_open_with(port, "/g/TEST009/", "Cookie: sessionid=student\r\n") == -403);
    student = ws_open_with(port, "/g/TEST001/", "Cookie: sessionid=student\r\n");
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_JOINED);
    CHECK(text_is(event.data.joined.code, "TEST001") && event.data.joined.user_id == 1);
    CHECK(text_is(event.data.joined.user_name, "Anna") && event.data.joined.role == ANDON_ROLE_STUDENT);
    teacher = ws_open_with(port, "/g/TEST001/", "Cookie: sessionid=teacher\r\n");
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_JOINED && event.data.joined.role == ANDON_ROLE_INSTRUCTOR);
    ws_text(student, "{\"type\":\"join\",\"data\":{}}");
    ws_until(student, "You are in");

    /* The host leads, as an instructor does. */
    OK(andon_guided_start_step(server, andon_text("TEST001"), 1, andon_text("here we go")));
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_CONTROLLED && event.data.controlled.by_host);
    CHECK(event.data.controlled.action == ANDON_STEP_START && event.data.controlled.has_subtask && event.data.controlled.subtask_id == 1);
    CHECK(text_is(event.data.controlled.message, "here we go"));
    ws_until(student, "\"voice_guide_text\":\"Open them\"");
    ws_text(teacher, "{\"type\":\"pause_session\",\"data\":{}}");
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_CONTROLLED && !event.data.controlled.by_host);
    CHECK(event.data.controlled.action == ANDON_STEP_PAUSE && !event.data.controlled.has_subtask);
    CHECK(event.data.controlled.instructor_id == 10 && text_is(event.data.controlled.instructor_name, "Bert"));
    OK(andon_guided_resume(server, andon_text("TEST001")));
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_CONTROLLED && event.data.controlled.action == ANDON_STEP_RESUME);
    ws_until(student, "IN_PROGRESS");

    ws_text(student, "{\"type\":\"step_complete\",\"data\":{\"subtask_id\":1}}");
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_STEP_COMPLETED);
    CHECK(event.data.step_completed.user_id == 1 && event.data.step_completed.subtask_id == 1 && !event.data.step_completed.completed);
    ws_text(student, "{\"type\":\"request_help\",\"data\":{\"subtask_id\":2,\"message\":\"how?\"}}");
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_HELP_REQUESTED);
    CHECK(event.data.help.has_subtask && event.data.help.subtask_id == 2 && text_is(event.data.help.message, "how?"));
    ws_text(student, "{\"type\":\"progress_update\",\"data\":{\"subtask_id\":2,\"status\":\"halfway\"}}");
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_PROGRESS);
    CHECK(event.data.progress.subtask_id == 2 && text_is(event.data.progress.status, "halfway"));
    OK(andon_guided_send_to(server, andon_text("TEST001"), 1, andon_text("{ \"for\" : \"Anna\" }")));
    ws_until(student, "{\"for\":\"Anna\"}");
    OK(andon_guided_send_to_role(server, andon_text("TEST001"), ANDON_ROLE_INSTRUCTOR, andon_text("{\"for\":\"teachers\"}")));
    ws_until(teacher, "{\"for\":\"teachers\"}");

    /* One more, made while the server runs. */
    session.code = andon_text("TEST002");
    session.subtasks_count = session.instructors_count = 0;
    OK(andon_guided_create(server, &session));
    OK(andon_guided_sessions(server, ANDON_FOREVER, &list));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_guided_list_items(list, NULL, &count));
    OK(andon_guided_list_items(list, &items, &count));
    CHECK(count == 2 && text_is(items[0].code, "TEST001") && text_is(items[1].code, "TEST002"));
    CHECK(items[0].status == ANDON_GUIDED_IN_PROGRESS && items[0].has_subtask && items[0].current_subtask == 1);
    CHECK(items[0].created_at_ms > 0 && items[0].ended_at_ms == 0);
    CHECK(items[0].subtasks_count == 2 && items[0].subtasks[0].id == 1 && text_is(items[0].subtasks[1].title, "Go back"));
    CHECK(text_is(items[0].subtasks[0].target_action, "CLICK") && text_is(items[0].subtasks[0].voice_guide_text, "Open them"));
    CHECK(items[0].participants_count == 2 && items[0].participants[0].user_id == 1);
    CHECK(items[0].participants[0].status == ANDON_PARTICIPANT_ACTIVE && items[0].participants[0].current_subtask == 1);
    CHECK(text_is(items[0].participants[1].user_name, "Bert") && items[0].participants[1].role == ANDON_ROLE_INSTRUCTOR);
    CHECK(items[1].subtasks_count == 0 && items[1].participants_count == 0);
    andon_guided_list_free(list);

    close(teacher);
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_LEFT && event.data.left.user_id == 10 && text_is(event.data.left.code, "TEST001"));
    OK(andon_guided_pause(server, andon_text("TEST002")));
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_CONTROLLED && event.data.controlled.action == ANDON_STEP_PAUSE);
    OK(andon_guided_end(server, andon_text("TEST001")));
    CHECK(next(server, &event) == ANDON_EVENT_GUIDED_CONTROLLED && event.data.controlled.action == ANDON_STEP_END);
    ws_until(student, "ENDED");
    andon_event_release(&event);
    OK(andon_guided_sessions(server, ANDON_FOREVER, &list));
    OK(andon_guided_list_items(list, &items, &count));
    CHECK(items[0].status == ANDON_GUIDED_ENDED && items[0].ended_at_ms > 0 && items[1].status == ANDON_GUIDED_PAUSED);
    CHECK(items[0].participants[1].status == ANDON_PARTICIPANT_DISCONNECTED);
    andon_guided_list_free(list);

    OK(andon_server_stop(server, 100, NULL));
    STATUS(ANDON_STATUS_STOPPED, andon_guided_pause(server, andon_text("TEST001")));
    STATUS(ANDON_STATUS_STOPPED, andon_guided_sessions(server, 1000, &list));
    andon_server_free(server);
    andon_identities_free(table);
    close(student);
    return 0;
}
