/*
 * The controller of controller.c in C++17: 17 machines in a 1 kHz scan loop, and events in the host's own epoll loop, through the server's descriptor.
 *
 *     c++ -std=c++17 -Iinclude examples/controller.cpp -Ltarget/release -landon -lpthread -o controller
 *     ./controller [IP:PORT]
 */
#include <andon.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

struct Machine {
    andon::Equipment equipment;
    andon::Tag<double> speed;
    andon::Tag<std::int64_t> parts;
    std::int64_t made = 0;
};

/* A visitor of lambdas. */
template <class... F>
struct overloaded : F... {
    using F::operator()...;
};
template <class... F>
overloaded(F...) -> overloaded<F...>;

/* What the scan thread does in each cycle: nothing but tag writes. */
void scan(const andon::Tags& tags, std::vector<Machine>& line, long cycle) {
    for (Machine& machine : line) {
        if (cycle % 200 == 0) machine.made++;
        const double speed = 30.0 + double(cycle % 1000) / 100.0;
        // A fault is the program's own; it is counted, and a control loop does not end for it.
        (void)tags.update(machine.equipment, {to(machine.equipment.status_tag(), true), to(machine.speed, speed), to(machine.parts, machine.made)});
    }
}

void tell(const andon::Event& event) {
    std::visit(overloaded{
                   [](const andon::Opened& opened) { std::printf("watched by %s\n", opened.peer.data); },
                   [](const andon::Closed& closed) { std::printf("a watcher has gone (%d)\n", int(closed.code)); },
                   [](const auto&) {},
               },
               event.told());
    std::fflush(stdout);
}

andon::Result<andon::Server> serve(const andon::Tags& tags, std::string_view address) {
    auto config = andon::Config::make();
    if (!config) return andon::Failure{config.status(), std::string(config.what())};
    for (const auto& set : {
             config.value().listen(address),
             config.value().monitor("/ws/monitor", tags),
             config.value().events(ANDON_EVENTS_CONNECTIONS),
         })
        if (!set) return andon::Failure{set.status(), std::string(set.what())};
    return andon::Server::start(std::move(config).value());
}

} // namespace

int main(int count, char** arguments) {
    // Signals come to the loop below; the server's threads take none, and the scan thread inherits this.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    auto made = andon::Tags::make(17, 2);
    if (!made) return std::fprintf(stderr, "controller: %s\n", std::string(made.what()).c_str()), 1;
    const andon::Tags tags = std::move(made).value();
    std::vector<Machine> line;
    for (int number = 1; number <= 17; number++) {
        const std::string code = "PRESS-" + std::to_string(number);
        auto equipment = tags.declare(code, "Press " + std::to_string(number), {{"speed", andon::Kind::F64}, {"parts", andon::Kind::I64}},
                                      std::chrono::seconds(1));
        if (!equipment) return std::fprintf(stderr, "controller: %s\n", std::string(equipment.what()).c_str()), 1;
        auto speed = tags.tag<double>(equipment.value(), "speed");
        auto parts = tags.tag<std::int64_t>(equipment.value(), "parts");
        if (!speed || !parts) return 1;
        line.push_back({equipment.value(), speed.value(), parts.value()});
    }

    auto started = serve(tags, count > 1 ? arguments[1] : "127.0.0.1:8000");
    if (!started) return std::fprintf(stderr, "controller: %s\n", std::string(started.what()).c_str()), 1;
    const andon::Server server = std::move(started).value();
    std::printf("listening on port %d\n", int(server.port()));
    std::fflush(stdout);

    std::atomic<bool> ends{false};
    std::thread scanner([&] {
        auto next = std::chrono::steady_clock::now();
        for (long cycle = 0; !ends; cycle++) {
            scan(tags, line, cycle);
            next += std::chrono::milliseconds(1);
            std::this_thread::sleep_until(next);
        }
    });

    // The host's own loop.
    const int loop = epoll_create1(EPOLL_CLOEXEC), signalled = signalfd(-1, &signals, SFD_CLOEXEC);
    auto descriptor = server.event_fd();
    for (int watched : {signalled, descriptor ? descriptor.value() : -1}) {
        epoll_event wish{};
        wish.events = EPOLLIN | EPOLLET;
        wish.data.fd = watched;
        if (epoll_ctl(loop, EPOLL_CTL_ADD, watched, &wish) != 0) return 1;
    }
    for (bool runs = true; runs;) {
        epoll_event ready{};
        if (epoll_wait(loop, &ready, 1, -1) != 1) continue;
        if (ready.data.fd == signalled) {
            runs = false;
        } else {
            // Until there is none: only that clears the descriptor.
            andon::Event event;
            while (server.next_event(event, std::chrono::milliseconds(0)) == andon::Status::Ok) tell(event);
        }
    }

    ends = true;
    scanner.join();
    const auto how = server.stop(std::chrono::seconds(2));
    close(loop);
    close(signalled);
    std::printf("stopped\n");
    return how && how.status() == andon::Status::Ok ? 0 : 1;
}
