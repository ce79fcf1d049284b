/* The C++ header: values and failures, events as variants, a contract that throws, a route, with exceptions and without. */
#include "check.h"

#include <andon.hpp>

static_assert(!std::is_copy_constructible_v<andon::Server> && std::is_nothrow_move_constructible_v<andon::Server>, "move-only");
static_assert(!std::is_copy_constructible_v<andon::Tags> && !std::is_copy_constructible_v<andon::Event>, "move-only");

namespace {

struct Echo final : andon::Contract {
    explicit Echo(int& ends) : ends_(ends) {}
    ~Echo() override { ends_++; }
    void opened(andon::Effects fx, andon_conn conn, andon::Request request) override {
        (void)fx.send(conn, std::string("hello ") + std::string(request.query("name").value_or("stranger")));
    }
    void message(andon::Effects fx, andon_conn conn, std::string_view text) override {
#if ANDON_EXCEPTIONS
        if (text == "throw") throw 7;
#endif
        if (text == "bye") (void)fx.close(conn, 4000, "bye");
        else (void)fx.send(conn, text);
    }
    int& ends_;
};

} // namespace

int main() {
    begin();
    int ends = 0;
    auto tags = andon::Tags::make(4, 4).value();
    auto press = tags.declare("P1", "\xc7\xc1\xb7\xb9\xbd\xba", {{"speed", andon::Kind::F64}, {"recipe", andon::Kind::Text}}, std::nullopt, andon::Encoding::Cp949).value();
    auto speed = tags.tag<double>(press, "speed").value();
    auto recipe = tags.tag<std::string_view>(press, "recipe").value();
    auto wrong = tags.tag<bool>(press, "speed");
    CHECK(!wrong && wrong.status() == andon::Status::BadTag && wrong.what().find("speed") != std::string_view::npos);
#if ANDON_EXCEPTIONS
    try {
        (void)wrong.value();
        CHECK(!"it throws");
    } catch (const andon::Error& error) {
        CHECK(error.status() == andon::Status::BadTag && std::string(error.what()).find("P1") != std::string::npos);
    }
#endif

    auto config = andon::Config::make().value();
    config.listen("127.0.0.1:0").value();
    config.events(ANDON_EVENTS_CONNECTIONS).value();
    config.monitor("/m", tags, std::chrono::milliseconds(10)).value();
    config.contract("/echo", std::make_unique<Echo>(ends)).value();
    config.route("GET", "/hi/{who}", [](andon_conn, andon::Request request, std::string_view) -> std::optional<andon::Response> {
        auto answer = andon::Response::make(200).value();
        answer.header("X-Who", request.param("who").value_or("")).value();
        answer.body("text/plain", "hi").value();
        CHECK(request.subscribers(andon_topic{7, 7}) == 0 && !request.newest(andon_topic{7, 7}));
        return answer;
    }).value();
    andon::Door of_monitor;
    of_monitor.of_mount = "/m";
    config.route("GET", "/mine", [](andon_conn, andon::Request, std::string_view) -> std::optional<andon::Response> {
        return andon::Response::make(204).value();
    }, of_monitor).value();
    config.board("Line 3").value();
    CHECK(config.memory_ceiling().value() > 0);
    CHECK(config.listen("127.0.0.1:0").status() == andon::Status::Spent);
    {
        auto server = andon::Server::start(std::move(config)).value();
        CHECK(tags.set(speed, 2.5) == andon::Status::Ok && tags.set(recipe, "A-7") == andon::Status::Ok);
        CHECK(tags.update(press, {andon::to(speed, 3.5), press.status(andon::EquipmentStatus::Running)}) == andon::Status::Ok);
        CHECK(tags.set(andon::Tag<bool>{speed.id}, true) == andon::Status::WrongKind);
        int watcher = ws_open(server.port(), "/m");
        ws_until(watcher, "\"speed\":3.5");
        ws_until(watcher, "\xed\x94\x84\xeb\xa0\x88\xec\x8a\xa4");
        andon::Event event;
        CHECK(server.next_event(event) == andon::Status::Ok);
        const andon::Told told = event.told();
        const auto* opened = std::get_if<andon::Opened>(&told);
        CHECK(opened && andon::view(opened->path) == "/m");
        CHECK(server.next_event(event, std::chrono::milliseconds(0)) == andon::Status::NoEvent);
        CHECK(server.event_fd().value() >= 0);

        int client = ws_open(server.port(), "/echo?name=Anna");
        ws_until(client, "hello Anna");
#if ANDON_EXCEPTIONS
        ws_text(client, "throw");
#endif
        ws_text(client, "still here");
        ws_until(client, "still here");
        CHECK(server.next_event(event) == andon::Status::Ok);
        const andon::Told second = event.told();
        CHECK(server.send(std::get_if<andon::Opened>(&second)->conn, "for you") == andon::Status::Ok);
        ws_until(client, "for you");
        char head[1024];
        int asker = tcp(server.port());
        CHECK(ask(asker, "GET", "/hi/Bert", "", head, sizeof head) == 200 && strstr(head, "X-Who: Bert"));
        close(asker);
        asker = tcp(server.port());
        CHECK(ask(asker, "GET", "/mine", "", head, sizeof head) == 204);
        close(asker);
        asker = tcp(server.port());
        CHECK(ask(asker, "GET", "/api/equipment", "", head, sizeof head) == 200 && strstr(head, "application/json"));
        close(asker);
        close(client);
        close(watcher);
        CHECK(server.stop(std::chrono::seconds(1)).ok());
        CHECK(server.publish(andon_topic{0, 0}, "x") == andon::Status::Stopped);
    }
    CHECK(ends == 1);
    return 0;
}
