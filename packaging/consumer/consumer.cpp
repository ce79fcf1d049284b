/* The header for C++ is installed, and its objects work. */
#include <andon.hpp>

#include <cstdio>

int main() {
    auto tags = andon::Tags::make();
    auto config = andon::Config::make();
    if (!tags || !config) return 1;
    if (!config.value().listen("127.0.0.1:0") || !config.value().monitor("/ws/monitor", tags.value())) return 1;
    auto server = andon::Server::start(std::move(config.value()));
    if (!server || server.value().port() == 0) return 1;
    if (!server.value().stop(std::chrono::seconds(5))) return 1;
    std::printf("consumer: andon in C++ started and stopped\n");
}
