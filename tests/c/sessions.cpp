/* Sessions, identities and recordings in C++: values that end what they own, events as variants. */
#include "check.h"

#include <andon.hpp>

static_assert(!std::is_copy_constructible_v<andon::Identities> && !std::is_copy_constructible_v<andon::Gate>, "move-only");
static_assert(!std::is_copy_constructible_v<andon::Cursor> && !std::is_copy_constructible_v<andon::GuidedList>, "move-only");

namespace {

template <class T>
T next(const andon::Server& server, andon::Event& event) {
    CHECK(server.next_event(event) == andon::Status::Ok);
    const andon::Told told = event.told();
    CHECK(std::holds_alternative<T>(told));
    return *std::get_if<T>(&told);
}

/* What is said is recorded in three ways, and whoever said it hears what became of it. */
struct Notes final : andon::Contract {
    void message(andon::Effects fx, andon_conn conn, std::string_view text) override {
        asker_ = conn;
        const andon_ticket first = fx.file_at(1234, "notes", "A", text).value();
        CHECK(fx.file("notes", "A", "filed").value() == first + 1 && fx.record("notes", "A", "recorded").value() == first + 2);
        CHECK(fx.record("\xff", "A", text).status() == andon::Status::BadUtf8);
    }
    void recorded(andon::Effects fx, andon_ticket ticket, andon::Status outcome, std::string_view why) override {
        CHECK(outcome == andon::Status::Ok && why.empty());
        (void)fx.send(asker_, std::to_string(ticket));
    }
    andon_conn asker_{};
};

} // namespace

int main() {
    begin();
    auto identities = andon::Identities::make().value();
    identities.insert("student", {"1", "Anna", {"STUDENT"}, {{"class", "3"}}}).value();
    CHECK(identities.insert("", {"1"}).status() == andon::Status::BadCredential);
    CHECK(identities.insert("x", {"2"}).ok() && identities.size() == 2 && identities.remove("x") && !identities.remove("x"));
    auto gate = andon::Gate::of(identities).value();
    gate.cookie().value();
    auto asking = andon::Gate::asking().value();
    auto token = andon::Gate::jwt(ANDON_JWT_OPTIONS_INIT);
    CHECK(token.status() == andon::Status::BadCredential);
    CHECK(asking.bearer().status() == andon::Status::BadArgument);

    andon_guided_session session{};
    andon_subtask step{};
    step.id = 1;
    step.title = andon_text("Open");
    session.code = andon_text("A");
    session.subtasks = &step;
    session.subtasks_count = 1;
    andon_guided_options options = ANDON_GUIDED_OPTIONS_INIT;
    options.sessions = &session;
    options.sessions_count = 1;
    auto config = andon::Config::make().value();
    config.listen("127.0.0.1:0").value();
    config.events(ANDON_EVENTS_CONTRACTS).value();
    CHECK(config.store_sqlite("/none/there.db").status() == andon::Status::StoreNoDirectory);
    config.store_memory(1000).value();
    config.devices("/d").value();
    config.contract("/notes", std::make_unique<Notes>()).value();
    config.guided("/g/{code}", options, {&gate}).value();
    config.route("GET", "/who", [](andon_conn, andon::Request request, std::string_view) -> std::optional<andon::Response> {
        auto answer = andon::Response::make(200).value();
        answer.header("X-Class", request.claim("class").value_or("")).value();
        answer.header("X-Student", request.has_role("STUDENT") ? "yes" : "no").value();
        return answer;
    }, {&gate, {"STUDENT"}}).value();
    {
        auto server = andon::Server::start(std::move(config)).value();
        andon::Event event;
        char head[1024];
        int asker = tcp(server.port());
        CHECK(ask(asker, "GET", "/who", "Cookie: sessionid=student\r\n", head, sizeof head) == 200);
        CHECK(strstr(head, "X-Class: 3") && strstr(head, "X-Student: yes"));
        close(asker);

        int device = ws_open(server.port(), "/d");
        ws_text(device, "{\"type\":\"device_register\",\"deviceId\":\"A\"}");
        CHECK(andon::view(next<andon::DeviceRegistered>(server, event).device) == "A");
        ws_text(device, "{\"type\":\"session_start\",\"deviceId\":\"A\"}");
        const std::string id(andon::view(next<andon::SessionCreated>(server, event).session.id));
        ws_text(device, "{\"type\":\"data\",\"v\":1.50}");
        CHECK(next<andon::SampleArrived>(server, event).sample.seq == 1);
        const andon_mount mount = server.mount("/d").value();
        {
            auto list = server.devices(mount, std::chrono::seconds(60)).value();
            CHECK(list.items().size() == 1 && andon::view(list.items()[0].session) == id);
        }
        CHECK(server.end_session(mount, id) == andon::Status::Ok);
        const auto ended = next<andon::SessionEnded>(server, event);
        CHECK(andon::SessionStatus(ended.session.status) == andon::SessionStatus::EndedByHost);
        ws_until(device, "session_ended");

        auto sessions = server.read_sessions().value();
        auto page = sessions.sessions().value();
        CHECK(page.size() == 1 && andon::view(page[0].id) == id && sessions.samples().status() == andon::Status::BadArgument);
        CHECK(sessions.sessions().value().empty());
        auto samples = server.read_samples(id).value();
        for (const andon_sample& sample : samples.samples().value()) CHECK(sample.seq == 1);
        std::string lines;
        CHECK(server.export_samples(id, andon::ExportFormat::JsonLines, [&](std::string_view more) { return !lines.append(more).empty(); }).value() == 1);
        CHECK(lines.find("\"v\":1.50") != std::string::npos);
        auto cut = server.export_samples(id, andon::ExportFormat::Csv, [](std::string_view) -> bool {
#if ANDON_EXCEPTIONS
            throw 7;
#else
            return false;
#endif
        });
        CHECK(cut.status() == andon::Status::Cancelled);

        int writer = ws_open(server.port(), "/notes");
        ws_text(writer, "remembered");
        for (int heard = 0; heard < 3; heard++) ws_until(writer, "");
        auto notes = server.read_records("/notes", "notes", "A").value();
        const auto three = notes.records().value();
        CHECK(three.size() == 3 && three[0].time_ms == 1234 && andon::view(three[0].payload) == "remembered" && andon::view(three[2].payload) == "recorded");
        andon_read_options behind = ANDON_READ_OPTIONS_INIT;
        behind.after_seq = notes.position().value();
        CHECK(behind.after_seq > 0 && server.read_records("/notes", "notes", "A", &behind).value().records().value().empty());
        CHECK(sessions.position().status() == andon::Status::BadArgument);
        close(writer);

        int student = ws_open_with(server.port(), "/g/A", "Cookie: sessionid=student\r\n");
        CHECK(andon::Role(next<andon::GuidedJoined>(server, event).role) == andon::Role::Student);
        CHECK(server.guided_start_step("A", 1, "go") == andon::Status::Ok);
        CHECK(andon::StepAction(next<andon::GuidedControlled>(server, event).action) == andon::StepAction::Start);
        ws_text(student, "{\"type\":\"join\",\"data\":{}}");
        ws_text(student, "{\"type\":\"request_help\",\"data\":{\"message\":\"?\"}}");
        CHECK(andon::view(next<andon::HelpRequested>(server, event).message) == "?");
        ws_text(student, "{\"type\":\"progress_update\",\"data\":{\"subtask_id\":1,\"status\":\"s\"}}");
        CHECK(next<andon::GuidedProgress>(server, event).subtask_id == 1);
        ws_text(student, "{\"type\":\"step_complete\",\"data\":{\"subtask_id\":1}}");
        CHECK(next<andon::StepCompleted>(server, event).completed);
        CHECK(server.guided_send("A", andon::Role::Student, "{\"for\":\"all\"}") == andon::Status::Ok);
        ws_until(student, "{\"for\":\"all\"}");
        CHECK(server.guided_send("A", 1, "{\"for\":\"you\"}") == andon::Status::Ok);
        ws_until(student, "{\"for\":\"you\"}");
        {
            auto list = server.guided(std::chrono::seconds(60)).value();
            CHECK(list.items().size() == 1 && list.items()[0].participants_count == 1);
            CHECK(andon::ParticipantStatus(list.items()[0].participants[0].status) == andon::ParticipantStatus::Completed);
        }
        CHECK(identities.remove_subject("1") == 1 && server.revoke("1") == andon::Status::Ok);
        CHECK(next<andon::GuidedLeft>(server, event).user_id == 1);
        CHECK(server.guided_pause("A") == andon::Status::Ok && server.guided_resume("A") == andon::Status::Ok && server.guided_end("A") == andon::Status::Ok);
        session.code = andon_text("");
        CHECK(server.guided_create(session).status() == andon::Status::BadSession);
        close(student);
        close(device);
    }
    return 0;
}
