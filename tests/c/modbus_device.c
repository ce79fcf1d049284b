/*
 * A device with Modbus TCP, served by libmodbus on a free port of the loopback address, which it tells. It does what its standard input says, a line each, says "done",
 * and ends with its input:
 *
 *     words AT WORD...         what stands in holding registers
 *     coils AT BIT...
 *     serve                    as it does at first
 *     refuse                   every request is answered by an exception
 *     hang                     nothing is answered, and nothing closed
 *     leave                    what is connected is closed, and nothing is let in
 */
#include <arpa/inet.h>
#include <modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REGISTERS = 5, COILS = 2, INPUT = 0, LISTENER = 1, CLIENT = 2 };

static const char *const modes[] = {"serve", "refuse", "hang", "leave"};
static enum { SERVE, REFUSE, HANG, LEAVE } mode;
static modbus_mapping_t *map;
static modbus_t *bus;
static struct pollfd watched[3] = {{0, POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}};

static void need(int is_so, const char *what) {
    if (!is_so) {
        perror(what);
        exit(1);
    }
}

/* The port stays this program's while nobody listens. */
static int hold_port(void) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    need(holder >= 0 && setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "a socket");
    need(bind(holder, (struct sockaddr *)&address, sizeof address) == 0, "a port");
    need(getsockname(holder, (struct sockaddr *)&address, &length) == 0, "its number");
    return ntohs(address.sin_port);
}

static void forget(int which) {
    if (watched[which].fd >= 0) close(watched[which].fd);
    watched[which].fd = -1;
    watched[which].revents = 0;
}

static void obey(char *line) {
    char *word = strtok(line, " \n");
    int at;
    need(word != NULL, "an empty line");
    for (at = 0; at < 4; at++) {
        if (strcmp(word, modes[at]) == 0) {
            mode = at;
            return;
        }
    }
    {
        int is_words = strcmp(word, "words") == 0;
        need(is_words || strcmp(word, "coils") == 0, word);
        word = strtok(NULL, " \n");
        need(word != NULL, "no number");
        for (at = atoi(word); (word = strtok(NULL, " \n")) != NULL; at++) {
            need(at < (is_words ? REGISTERS : COILS), "too many");
            if (is_words) map->tab_registers[at] = (uint16_t)strtol(word, NULL, 0);
            else map->tab_bits[at] = (uint8_t)atoi(word);
        }
    }
}

static void serve(void) {
    uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
    int got;
    modbus_set_socket(bus, watched[CLIENT].fd);
    got = modbus_receive(bus, request);
    if (got > 0) got = mode == REFUSE ? modbus_reply_exception(bus, request, MODBUS_EXCEPTION_SLAVE_OR_SERVER_BUSY) : modbus_reply(bus, request, got, map);
    if (got < 0) forget(CLIENT);
}

int main(void) {
    int port = hold_port();
    char line[256];
    need((bus = modbus_new_tcp("127.0.0.1", port)) != NULL, "a device");
    need((map = modbus_mapping_new(COILS, 0, REGISTERS, 0)) != NULL, "its registers");
    printf("listening on port %d\n", port);
    setvbuf(stdin, NULL, _IONBF, 0); /* What is buffered would not be polled. */
    for (;;) {
        if (mode == LEAVE) {
            forget(LISTENER);
            forget(CLIENT);
        } else if (watched[LISTENER].fd < 0) {
            need((watched[LISTENER].fd = modbus_tcp_listen(bus, 4)) >= 0, "listening");
        }
        fflush(stdout);
        /* One at a time, as with many devices: the next waits. */
        watched[LISTENER].events = mode != HANG && watched[CLIENT].fd < 0 ? POLLIN : 0;
        watched[CLIENT].events = mode != HANG ? POLLIN : 0;
        need(poll(watched, mode == HANG ? 1 : 3, -1) > 0, "poll");
        if (watched[INPUT].revents) {
            if (!fgets(line, sizeof line, stdin)) break;
            obey(line);
            puts("done");
            continue; /* What is seen of the others may be of another time. */
        }
        if (watched[CLIENT].revents) serve();
        if (watched[LISTENER].revents) need((watched[CLIENT].fd = accept(watched[LISTENER].fd, NULL, NULL)) >= 0, "accepting");
    }
    forget(CLIENT);
    forget(LISTENER);
    modbus_mapping_free(map);
    modbus_free(bus);
    return 0;
}
