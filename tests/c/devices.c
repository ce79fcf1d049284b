/* Device sessions: their settings, all that they tell, the sessions under way, and an end by the host. */
#include "check.h"

static void mistakes(andon_server *server, andon_mount mount, andon_mount no_mount) {
    andon_device_list *list = NULL;
    const andon_device *items;
    size_t count;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_devices_end_session(NULL, mount, andon_text("a")));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_devices_end_session(server, no_mount, andon_text("a")));
    STATUS(ANDON_STATUS_BAD_UTF8, andon_devices_end_session(server, mount, andon_text("\xff")));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_devices_sessions(NULL, mount, 1000, &list));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_devices_sessions(server, mount, 1000, NULL));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_devices_sessions(server, no_mount, 1000, &list));
    CHECK(strstr(andon_last_error(), "andon_config_devices") && list == NULL);
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_device_list_items(NULL, &items, &count));
    STATUS(ANDON_STATUS_BAD_HANDLE, andon_device_list_items((andon_device_list *)(void *)server, &items, &count));
    OK(andon_devices_sessions(server, mount, ANDON_FOREVER, &list));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_device_list_items(list, NULL, &count));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_device_list_items(list, &items, NULL));
    OK(andon_device_list_items(list, &items, &count));
    CHECK(items == NULL && count == 0);
    andon_device_list_free(list);
    andon_device_list_free(NULL);
}

static void settings(void) {
    andon_config *config = config_new();
    andon_devices_options options = ANDON_DEVICES_OPTIONS_INIT;
    andon_server *server;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_devices(NULL, andon_text("/d"), NULL, NULL));
    options.struct_size = 2;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_config_devices(config, andon_text("/d"), &options, NULL));
    options.struct_size = sizeof options;
    options.register_session = 9;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_devices(config, andon_text("/d"), &options, NULL));
    options.register_session = ANDON_REGISTER_SESSION_ALWAYS;
    options.on_active = 9;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_devices(config, andon_text("/d"), &options, NULL));
    options.on_active = ANDON_ON_ACTIVE_REJECT;
    options.data_types_count = 1;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_devices(config, andon_text("/d"), &options, NULL));
    options.data_types_count = 0;
    options.late_window_ms = 1;
    options.recent_sessions = 17;
    OK(andon_config_devices(config, andon_text("/d"), &options, NULL));
    STATUS(ANDON_STATUS_BAD_CONFIG, andon_server_start(config, &server));
    CHECK(strstr(andon_last_error(), "recent_sessions"));
    andon_config_free(config);
}

static andon_event_kind next(andon_server *server, andon_event *event) {
    andon_event_release(event);
    OK(andon_server_next_event(server, ANDON_FOREVER, event));
    return event->kind;
}

int main(void) {
    andon_config *config = config_new();
    andon_devices_options options = ANDON_DEVICES_OPTIONS_INIT;
    andon_event event = ANDON_EVENT_INIT;
    andon_str lidar = andon_text("lidar");
    andon_device_list *list;
    const andon_device *items;
    andon_mount mount, no_mount;
    andon_server *server;
    char id[64], data[512], end[128];
    size_t count;
    int client;

    begin();
    settings();
    options.register_session = ANDON_REGISTER_SESSION_NEVER;
    options.on_active = ANDON_ON_ACTIVE_REJECT;
    options.idle_timeout_ms = ANDON_FOREVER;
    options.data_types = &lidar;
    options.data_types_count = 1;
    options.no_late_data = options.early_ack = true;
    options.devices = 2;
    options.devices_per_connection = 2;
    options.id_bytes = 20;
    options.pending_replies = options.ends_kept = 1;
    OK(andon_config_devices(config, andon_text("/ws/device"), &options, NULL));
    OK(andon_config_hub(config, andon_text("/ws/{topic}"), NULL, NULL));
    OK(andon_config_events(config, ANDON_EVENTS_CONTRACTS));
    server = start(config);
    OK(andon_server_mount(server, andon_text("/ws/device"), &mount));
    OK(andon_server_mount(server, andon_text("/ws/{topic}"), &no_mount));
    mistakes(server, mount, no_mount);

    client = ws_open(andon_server_port(server, 0), "/ws/device");
    ws_text(client, "{\"type\":\"device_register\",\"deviceId\":\"AMR_1\",\"model\":\"M\"}");
    CHECK(next(server, &event) == ANDON_EVENT_DEVICE_REGISTERED);
    CHECK(event.data.registered.mount.index == mount.index && text_is(event.data.registered.device, "AMR_1"));
    CHECK(text_is(event.data.registered.message, "{\"type\":\"device_register\",\"deviceId\":\"AMR_1\",\"model\":\"M\"}"));
    OK(andon_server_send(server, event.data.registered.conn, ANDON_MESSAGE_TEXT, words("who you are is known")));
    ws_until(client, "who you are is known");
    ws_text(client, "{\"type\":\"session_start\",\"deviceId\":\"AMR_1\",\"timestamp\":1.50}");
    ws_until(client, "session_created");
    CHECK(next(server, &event) == ANDON_EVENT_SESSION_CREATED);
    CHECK(event.data.session.session.id.length < sizeof id);
    strcpy(id, event.data.session.session.id.data);
    CHECK(strncmp(id, "session_", 8) == 0 && text_is(event.data.session.session.device, "AMR_1"));
    CHECK(event.data.session.session.status == ANDON_SESSION_ACTIVE && event.data.session.session.ended_at_ms == 0);
    CHECK(text_is(event.data.session.session.client_started_at, "1.50"));
    /* A second one is rejected, as was chosen. */
    ws_text(client, "{\"type\":\"session_start\",\"deviceId\":\"AMR_1\"}");
    ws_until(client, "SESSION_ALREADY_ACTIVE");
    ws_text(client, "{\"type\":\"lidar\",\"v\":2.0}");
    CHECK(next(server, &event) == ANDON_EVENT_SAMPLE);
    CHECK(text_is(event.data.sample.sample.session, id) && event.data.sample.sample.seq == 1);
    CHECK(text_is(event.data.sample.sample.payload, "{\"type\":\"lidar\",\"v\":2.0}"));
    CHECK(text_is(event.data.sample.sample.device, "AMR_1") && event.data.sample.sample.received_at_ms > 0);
    CHECK(counted(server, "messages_untyped") == 0);

    OK(andon_devices_sessions(server, mount, ANDON_FOREVER, &list));
    OK(andon_device_list_items(list, &items, &count));
    CHECK(count == 1 && text_is(items[0].session, id) && text_is(items[0].device, "AMR_1"));
    CHECK(items[0].sample_count == 1 && items[0].started_at_ms > 0);
    OK(andon_server_send(server, items[0].holder, ANDON_MESSAGE_TEXT, words("you hold it")));
    ws_until(client, "you hold it");
    OK(andon_devices_end_session(server, mount, items[0].session));
    andon_device_list_free(list);
    CHECK(next(server, &event) == ANDON_EVENT_SESSION_ENDED);
    CHECK(text_is(event.data.session.session.id, id) && event.data.session.session.status == ANDON_SESSION_ENDED_BY_HOST);
    CHECK(event.data.session.session.sample_count == 1 && event.data.session.session.ended_at_ms > 0);
    ws_until(client, "session_ended");

    /* No late data; data without a session; an end by the client. */
    snprintf(data, sizeof data, "{\"type\":\"data\",\"sessionId\":\"%s\"}", id);
    ws_text(client, data);
    CHECK(next(server, &event) == ANDON_EVENT_SAMPLE);
    CHECK(event.data.sample.sample.session.length == 0 && event.data.sample.sample.seq == 0);
    ws_text(client, "{\"type\":\"session_start\",\"deviceId\":\"AMR_1\"}");
    CHECK(next(server, &event) == ANDON_EVENT_SESSION_CREATED);
    CHECK(event.data.session.session.client_started_at.length == 0);
    snprintf(end, sizeof end, "{\"type\":\"session_end\",\"deviceId\":\"AMR_1\",\"sessionId\":\"%s\",\"timestamp\":7}", event.data.session.session.id.data);
    ws_text(client, end);
    CHECK(next(server, &event) == ANDON_EVENT_SESSION_ENDED);
    CHECK(event.data.session.session.status == ANDON_SESSION_COMPLETED && text_is(event.data.session.session.client_ended_at, "7"));
    ws_text(client, "{\"type\":\"device_register\",\"deviceId\":\"twenty-one bytes here.\"}");
    ws_until(client, "INVALID_MESSAGE");
    andon_event_release(&event);

    OK(andon_server_stop(server, 100, NULL));
    STATUS(ANDON_STATUS_STOPPED, andon_devices_sessions(server, mount, 1000, &list));
    STATUS(ANDON_STATUS_STOPPED, andon_devices_end_session(server, mount, andon_text(id)));
    andon_server_free(server);
    close(client);
    return 0;
}
