/* server.c: an old stock server. It knows nothing of Weft: one thread, one request at a time.
 *
 *   ./server PORT NAME [MILLISECONDS PER REQUEST]
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stock.h"

#define CLIENTS_MAX 64

struct client {
    size_t held;
    char bytes[2 * (sizeof(struct stock_header) + STOCK_TEXT_MAX)];
};

static struct pollfd sockets[1 + CLIENTS_MAX];
static struct client clients[1 + CLIENTS_MAX];
static const char *name;
static int work_ms;

/* What is answered to a request, as a text of at most STOCK_TEXT_MAX bytes. */
static enum stock_status serve(const struct stock_header *head, const char *item, char *words) {
    if (work_ms > 0) poll(NULL, 0, work_ms);
    int known = strcmp(item, "bolt") == 0 || strcmp(item, "nut") == 0;
    switch (head->opcode) {
    case STOCK_GET:
        if (!known) break;
        snprintf(words, STOCK_TEXT_MAX, "40 %.99s in stock, says %s", item, name);
        return STOCK_OK;
    case STOCK_LIST:
        snprintf(words, STOCK_TEXT_MAX, "bolt, nut, says %s", name);
        return STOCK_OK;
    case STOCK_RESERVE:
        if (!known) break;
        snprintf(words, STOCK_TEXT_MAX, "one %.99s for %.8s, says %s", item, head->tenant, name);
        return STOCK_OK;
    default:
        snprintf(words, STOCK_TEXT_MAX, "no such opcode, says %s", name);
        return STOCK_BROKEN;
    }
    snprintf(words, STOCK_TEXT_MAX, "no such item, says %s", name);
    return STOCK_NO_SUCH_ITEM;
}

/* Answers one whole frame. Returns 0 if its client is gone. */
static int answer(int socket, const char *frame, size_t length) {
    struct stock_header head;
    char item[STOCK_TEXT_MAX + 1] = "", out[sizeof head + STOCK_TEXT_MAX] = "";
    char *words = out + sizeof head;
    memcpy(&head, frame, sizeof head);
    memcpy(item, frame + sizeof head, length - sizeof head);
    if (head.flags & STOCK_ONE_WAY) {
        printf("%s: note: %s\n", name, item);
        fflush(stdout);
        return 1;
    }
    head.status = htons(head.flags & STOCK_PING ? STOCK_OK : serve(&head, item, words));
    head.flags |= STOCK_ANSWER;
    length = sizeof head + strlen(words);
    head.length = htonl(length);
    memcpy(out, &head, sizeof head);
    return send(socket, out, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* Takes what has come, and answers each frame that is whole. Returns 0 if the client must go. */
static int turn(int socket, struct client *client) {
    ssize_t got = recv(socket, client->bytes + client->held, sizeof client->bytes - client->held, 0);
    if (got <= 0) return 0;
    client->held += got;
    while (client->held >= sizeof(struct stock_header)) {
        struct stock_header head;
        memcpy(&head, client->bytes, sizeof head);
        size_t length = ntohl(head.length);
        if (ntohs(head.version) != STOCK_VERSION || length < sizeof head ||
            length > sizeof head + STOCK_TEXT_MAX)
            return 0;
        if (client->held < length) break;
        if (!answer(socket, client->bytes, length)) return 0;
        client->held -= length;
        memmove(client->bytes, client->bytes + length, client->held);
    }
    return 1;
}

int main(int count, char **words) {
    if (count < 3) return fprintf(stderr, "usage: server PORT NAME [MILLISECONDS]\n"), 2;
    name = words[2];
    work_ms = count > 3 ? atoi(words[3]) : 0;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64))
        return perror("server"), 1;
    for (int i = 1; i <= CLIENTS_MAX; i++) sockets[i].fd = -1;
    sockets[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (;;) {
        poll(sockets, 1 + CLIENTS_MAX, -1);
        for (int i = 1; i <= CLIENTS_MAX; i++) {
            if (sockets[i].fd < 0 || sockets[i].revents == 0) continue;
            if (turn(sockets[i].fd, &clients[i])) continue;
            close(sockets[i].fd);
            sockets[i].fd = -1;
        }
        if (sockets[0].revents & POLLIN) {
            int fresh = accept(listener, NULL, NULL), i = 1;
            while (i <= CLIENTS_MAX && sockets[i].fd >= 0) i++;
            if (fresh < 0) continue;
            if (i > CLIENTS_MAX) close(fresh);
            else sockets[i] = (struct pollfd){.fd = fresh, .events = POLLIN}, clients[i].held = 0;
        }
    }
}
