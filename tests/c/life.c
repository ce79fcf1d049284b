/* A server from start to end: a tag is written and seen, an event is read, the server stops and is freed. */
#include "check.h"

int main(void) {
    andon_equipment equipment;
    andon_tag tag[4];
    andon_config *config = config_new();
    andon_tags *tags = press(&equipment, tag);
    andon_monitor_options monitor = ANDON_MONITOR_OPTIONS_INIT;
    andon_event event = ANDON_EVENT_INIT;
    andon_server *server;
    andon_stopped stopped;
    size_t ceiling = 0;
    int client;

    begin();
    monitor.period_ms = 20;
    OK(andon_config_monitor(config, andon_text("/ws/monitor"), tags, &monitor, NULL));
    OK(andon_config_events(config, ANDON_EVENTS_CONNECTIONS));
    OK(andon_config_memory_ceiling(config, &ceiling));
    CHECK(ceiling > 1 << 20);
    STATUS(ANDON_STATUS_SPENT, andon_config_healthz(config, false));
    server = start(config);
    CHECK(andon_server_port(server, 0) != 0 && andon_server_port(server, 1) == 0);
    STATUS(ANDON_STATUS_NO_EVENT, andon_server_next_event(server, 0, &event));

    client = ws_open(andon_server_port(server, 0), "/ws/monitor");
    CHECK(client >= 0);
    OK(andon_server_next_event(server, ANDON_FOREVER, &event));
    CHECK(event.kind == ANDON_EVENT_OPENED);
    CHECK(text_is(event.data.opened.path, "/ws/monitor"));
    CHECK(strncmp(event.data.opened.peer.data, "127.0.0.1:", 10) == 0);
    andon_event_release(&event);
    CHECK(event.kind == ANDON_EVENT_NONE);
    andon_event_release(&event);

    OK(andon_tag_set_f64(tags, tag[2], 31.5));
    ws_until(client, "\"speed\":31.5");
    OK(andon_tag_set_text(tags, tag[3], andon_text("A-7")));
    ws_until(client, "\"recipe\":\"A-7\"");

    OK(andon_server_stop(server, 2000, &stopped));
    CHECK(stopped == ANDON_STOPPED_FORCED || stopped == ANDON_STOPPED_CLEAN);
    OK(andon_server_next_event(server, 0, &event));
    CHECK(event.kind == ANDON_EVENT_CLOSED && event.data.closed.cause == ANDON_CLOSED_SHUTDOWN);
    CHECK(event.data.closed.code == 1001);
    andon_event_release(&event);
    STATUS(ANDON_STATUS_ENDED, andon_server_next_event(server, ANDON_FOREVER, &event));
    andon_server_free(server);
    /* The table outlives the server. */
    OK(andon_tag_set_bool(tags, tag[0], true));
    andon_tags_free(tags);
    close(client);
    return 0;
}
