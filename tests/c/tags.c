/* Every way to write a tag, every way to get it wrong, and both encodings. */
#include "check.h"
#include <math.h>

int main(void) {
    andon_equipment equipment, welder, unknown = {9, 9};
    andon_tag tag[4], wrong, late;
    andon_tags *tags = press(&equipment, tag), *other;
    andon_equipment other_equipment;
    andon_tag other_tag[4];
    andon_config *config = config_new();
    andon_monitor_options monitor = ANDON_MONITOR_OPTIONS_INIT;
    andon_equipment_options options = ANDON_EQUIPMENT_OPTIONS_INIT;
    andon_tags_options room = ANDON_TAGS_OPTIONS_INIT;
    andon_tag_options named;
    andon_tag_write writes[129];
    andon_server *server;
    char long_text[64];
    int client, at;

    begin();
    memset(writes, 0, sizeof writes);
    monitor.period_ms = 10;
    OK(andon_config_monitor(config, andon_text("/m"), tags, &monitor, NULL));

    /* "용접기" in CP949, and a tag "속도". */
    named.name = andon_text("\xbc\xd3\xb5\xb5");
    named.kind = ANDON_KIND_F64;
    options.code = andon_text("WELD-01");
    options.name = andon_text("\xbf\xeb\xc1\xa2\xb1\xe2");
    options.tags = &named;
    options.tags_count = 1;
    options.room_for_tags = 1;
    options.stale_after_ms = 100;
    STATUS(ANDON_STATUS_BAD_UTF8, andon_tags_declare(tags, &options, &welder));
    CHECK(strstr(andon_last_error(), "the name") && strstr(andon_last_error(), "byte 0"));
    options.encoding = ANDON_ENCODING_CP949;
    OK(andon_tags_declare(tags, &options, &welder));
    OK(andon_equipment_tag(tags, welder, named.name, ANDON_ENCODING_CP949, ANDON_KIND_F64, &wrong));
    OK(andon_equipment_tag(tags, welder, andon_text("\xec\x86\x8d\xeb\x8f\x84"), ANDON_ENCODING_UTF8, ANDON_KIND_F64, &wrong));
    STATUS(ANDON_STATUS_BAD_ENCODING, andon_tags_equipment(tags, andon_text("\xff\xff"), ANDON_ENCODING_CP949, &welder));
    STATUS(ANDON_STATUS_BAD_ENCODING, andon_tags_equipment(tags, andon_text("a"), 7, &welder));
    OK(andon_tags_equipment(tags, andon_text("WELD-01"), ANDON_ENCODING_UTF8, &welder));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_tags_equipment(tags, andon_text("WELD-02"), ANDON_ENCODING_UTF8, &welder));
    OK(andon_equipment_add_tag(tags, welder, andon_text("late"), ANDON_ENCODING_UTF8, ANDON_KIND_I64, &late));

    server = start(config);
    client = ws_open(andon_server_port(server, 0), "/m");
    ws_until(client, "\"equipment_name\":\"\xec\x9a\xa9\xec\xa0\x91\xea\xb8\xb0\"");

    OK(andon_tag_set_bool(tags, tag[0], true));
    OK(andon_tag_set_i64(tags, tag[1], INT64_MIN));
    OK(andon_tag_set_f64(tags, tag[2], 0.5));
    OK(andon_tag_set_text(tags, tag[3], andon_text("")));
    OK(andon_tag_set_i64_at(tags, 951782400000, tag[1], 7));
    ws_until(client, "2000-02-29T00:00:00.000Z");
    OK(andon_tag_set_bool_at(tags, 0, tag[0], false));
    OK(andon_tag_set_f64_at(tags, 0, tag[2], 1.5));
    OK(andon_tag_set_text_at(tags, 0, tag[3], andon_text("x")));
    ws_until(client, "1970-01-01T00:00:00.000Z");

    /* All as one, the status among them. */
    for (at = 0; at < 4; at++) {
        writes[at].tag = tag[at];
        writes[at].kind = ANDON_KIND_BOOL + at;
    }
    writes[0].value.boolean = 200;
    writes[1].value.i64 = 42;
    writes[2].value.f64 = 2.5;
    writes[3].value.text = andon_text("B-8");
    writes[4].tag.equipment = equipment;
    writes[4].kind = ANDON_KIND_STATUS;
    writes[4].value.i64 = ANDON_EQUIPMENT_ERROR;
    OK(andon_tags_update(tags, equipment, writes, 5));
    ws_until(client, "\"recipe\":\"B-8\"");
    OK(andon_tags_set_status(tags, equipment, ANDON_EQUIPMENT_STOPPED));
    ws_until(client, "\"stopped\"");
    OK(andon_tags_set_status(tags, equipment, ANDON_EQUIPMENT_BY_TAGS));
    OK(andon_tags_update_at(tags, 951782400000, equipment, writes, 4));
    OK(andon_tags_touch(tags, equipment));
    OK(andon_tags_update(tags, equipment, NULL, 0));
    OK(andon_tag_set_f64(tags, tag[2], NAN));
    ws_until(client, "\"speed\":null");
    OK(andon_tags_source_lost(tags));
    ws_until(client, "lost");
    OK(andon_tags_source_back(tags));

    /* What is wrong is told by its status, and leaves no message behind. */
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_healthz(NULL, true));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_tag_set_bool(NULL, tag[0], true));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_tags_update(tags, equipment, NULL, 1));
    STATUS(ANDON_STATUS_WRONG_KIND, andon_tag_set_bool(tags, tag[1], true));
    STATUS(ANDON_STATUS_UNKNOWN_EQUIPMENT, andon_tags_touch(tags, unknown));
    wrong = tag[0];
    wrong.index = 70000;
    STATUS(ANDON_STATUS_UNKNOWN_TAG, andon_tag_set_bool(tags, wrong, true));
    STATUS(ANDON_STATUS_OTHER_EQUIPMENT, andon_tags_update(tags, welder, writes, 1));
    STATUS(ANDON_STATUS_TOO_MANY_WRITES, andon_tags_update(tags, equipment, writes, 129));
    memset(long_text, 'a', sizeof long_text);
    STATUS(ANDON_STATUS_TEXT_TOO_LONG, andon_tag_set_text(tags, tag[3], (andon_str){long_text, 32}));
    OK(andon_tag_set_text(tags, tag[3], (andon_str){long_text, 31}));
    STATUS(ANDON_STATUS_BAD_UTF8, andon_tag_set_text(tags, tag[3], andon_text("\xff")));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_tag_set_text(tags, tag[3], (andon_str){NULL, 1}));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_tag_set_text(tags, tag[3], (andon_str){long_text, SIZE_MAX}));
    /* Nobody reads through what cannot be a tag's: a control thread would wait for it. */
    STATUS(ANDON_STATUS_TEXT_TOO_LONG, andon_tag_set_text(tags, tag[3], (andon_str){long_text, SIZE_MAX / 4}));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_tags_update(tags, equipment, (const andon_tag_write *)(const void *)((const char *)writes + 1), 1));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_tags_set_status(tags, equipment, 77));
    writes[0].kind = 99;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_tags_update(tags, equipment, writes, 1));
    STATUS(ANDON_STATUS_BAD_HANDLE, andon_tag_set_bool((const andon_tags *)(const void *)server, tag[0], true));
    other = press(&other_equipment, other_tag);
    STATUS(ANDON_STATUS_UNKNOWN_EQUIPMENT, andon_tag_set_bool(tags, other_tag[0], true));
    OK(andon_tag_set_bool(other, other_tag[0], true));
    CHECK(strstr(andon_last_error(), "andon_config is NULL"));

    /* Declarations. */
    OK(andon_tag_set_i64(tags, late, 5));
    STATUS(ANDON_STATUS_BAD_TAG, andon_equipment_add_tag(tags, welder, andon_text("more"), ANDON_ENCODING_UTF8, ANDON_KIND_I64, &late));
    STATUS(ANDON_STATUS_BAD_TAG, andon_equipment_tag(tags, welder, andon_text("late"), ANDON_ENCODING_UTF8, ANDON_KIND_BOOL, &late));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_equipment_tag(tags, welder, andon_text("late"), ANDON_ENCODING_UTF8, ANDON_KIND_STATUS, &late));
    STATUS(ANDON_STATUS_UNKNOWN_EQUIPMENT, andon_equipment_tag(tags, unknown, andon_text("late"), ANDON_ENCODING_UTF8, ANDON_KIND_I64, &late));
    STATUS(ANDON_STATUS_CODE_TAKEN, andon_tags_declare(tags, &options, &welder));
    CHECK(strstr(andon_last_error(), "WELD-01"));
    options.code = andon_text("");
    STATUS(ANDON_STATUS_BAD_EQUIPMENT, andon_tags_declare(tags, &options, &welder));
    options.stale_after_ms = 0;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_tags_declare(tags, &options, &welder));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_tags_declare(tags, NULL, &welder));
    andon_tags_free(other);
    room.equipment = 1;
    OK(andon_tags_new(&room, &other));
    options.stale_after_ms = ANDON_FOREVER;
    options.code = andon_text("A");
    OK(andon_tags_declare(other, &options, &welder));
    options.code = andon_text("B");
    STATUS(ANDON_STATUS_TABLE_FULL, andon_tags_declare(other, &options, &welder));
    andon_tags_free(other);
    room.equipment = 1 << 20;
    STATUS(ANDON_STATUS_TABLE_FULL, andon_tags_new(&room, &other));

    andon_server_free(server);
    andon_tags_free(tags);
    close(client);
    return 0;
}
