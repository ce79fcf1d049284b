/* The library is loaded, carries a server, is unloaded, and again; a fork afterwards meets nothing that is gone. The argument is the library. */
#include "check.h"
#include <dlfcn.h>
#include <sys/wait.h>

/* For the checks: there is no library to ask when this program is linked. */
const char *andon_last_error(void) {
    return "";
}

#define NEED(name) __typeof__(&name) f_##name = (__typeof__(&name))dlsym(library, #name); CHECK(f_##name != NULL)

int main(int count, char **arguments) {
    int round, status;
    pid_t child;
    CHECK(count == 2);
    alarm(120);
    for (round = 0; round < 3; round++) {
        void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
        andon_config *config;
        andon_server *server;
        andon_tags *tags;
        andon_stopped stopped;
        __extension__ NEED(andon_config_new);
        __extension__ NEED(andon_config_listen);
        __extension__ NEED(andon_config_free);
        __extension__ NEED(andon_config_monitor);
        __extension__ NEED(andon_tags_new);
        __extension__ NEED(andon_tags_free);
        __extension__ NEED(andon_server_start);
        __extension__ NEED(andon_server_stop);
        __extension__ NEED(andon_server_free);
        __extension__ NEED(andon_server_port);
        __extension__ NEED(andon_server_topic);
        andon_topic topic;
        CHECK(f_andon_config_new(&config) == 0);
        CHECK(f_andon_config_listen(config, andon_text("127.0.0.1:0")) == 0);
        CHECK(f_andon_tags_new(NULL, &tags) == 0);
        CHECK(f_andon_config_monitor(config, andon_text("/m"), tags, NULL, NULL) == 0);
        CHECK(f_andon_server_start(config, &server) == 0);
        f_andon_config_free(config);
        int client = tcp(f_andon_server_port(server, 0));
        /* A failure leaves a message for this thread. */
        CHECK(f_andon_server_topic(server, andon_text("none"), &topic) == ANDON_STATUS_NOT_FOUND);
        CHECK(f_andon_server_stop(server, 1000, &stopped) == 0 && stopped != ANDON_STOPPED_ABANDONED);
        f_andon_server_free(server);
        f_andon_tags_free(tags);
        close(client);
        CHECK(dlclose(library) == 0);
        child = fork();
        if (child == 0) _exit(0);
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    return 0;
}
