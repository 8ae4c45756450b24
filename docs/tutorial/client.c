/* client.c: the client of the stock service, as old as its server.
 *
 *   ./client [-t TENANT] [-d DEADLINE_MS] [-n TIMES] PORT get|list|reserve|note|ping [ITEM]
 *
 * With -n it asks so many times over one connection and counts who answered.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stock.h"

static const char *const methods[] = {"ping", "get", "list", "reserve", "note"};
static char text[STOCK_TEXT_MAX + 1];

static int leave(const char *why) {
    fprintf(stderr, "client: %s\n", why);
    exit(2);
}

static int connected(int port) {
    int made = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(made, (struct sockaddr *)&address, sizeof address)) leave("cannot connect");
    return made;
}

static void ask(int socket, struct stock_header *head, const char *item) {
    char out[sizeof *head + STOCK_TEXT_MAX];
    size_t length = sizeof *head + strlen(item);
    head->length = htonl(length);
    memcpy(out, head, sizeof *head);
    memcpy(out + sizeof *head, item, strlen(item));
    if (send(socket, out, length, MSG_NOSIGNAL) != (ssize_t)length) leave("the connection broke");
}

/* Reads the answer's words into `text`, and returns its status. */
static enum stock_status hear(int socket, const struct stock_header *asked) {
    struct stock_header head;
    if (recv(socket, &head, sizeof head, MSG_WAITALL) != sizeof head) leave("the connection broke");
    size_t length = ntohl(head.length) - sizeof head;
    if (ntohl(head.length) < sizeof head || length > STOCK_TEXT_MAX) leave("a wrong length");
    if (length && recv(socket, text, length, MSG_WAITALL) != (ssize_t)length) leave("cut short");
    text[length] = '\0';
    if (head.request != asked->request) leave("the answer to another request");
    if (!(head.flags & STOCK_ANSWER)) leave("no answer");
    return ntohs(head.status);
}

/* Counts answers by the last word, which is the server's name. */
static void tally(enum stock_status status, int last) {
    static int by[256], errors;
    if (status == STOCK_OK) by[(unsigned char)text[strlen(text) - 1]]++;
    else errors++;
    if (!last) return;
    for (int i = 0; i < 256; i++)
        if (by[i]) printf("%d of %c, ", by[i], i);
    printf("%d errors\n", errors);
}

int main(int count, char **words) {
    struct stock_header head = {.version = htons(STOCK_VERSION), .tenant = "acme"};
    int option, times = 1, opcode = 0;
    while ((option = getopt(count, words, "t:d:n:")) != -1) {
        if (option == 't') strncpy(head.tenant, optarg, sizeof head.tenant);
        else if (option == 'd') head.deadline_ms = htons(atoi(optarg));
        else if (option == 'n') times = atoi(optarg);
        else return 2;
    }
    if (count - optind < 2) leave("usage: client [-t TENANT] [-d MS] [-n TIMES] PORT METHOD [ITEM]");
    while (opcode < 5 && strcmp(methods[opcode], words[optind + 1])) opcode++;
    if (opcode == 5) leave("no such method");
    const char *item = count - optind > 2 ? words[optind + 2] : "";
    if (strlen(item) > STOCK_TEXT_MAX) leave("too long");
    head.opcode = opcode;
    head.flags = opcode == 0 ? STOCK_PING : opcode == STOCK_NOTE ? STOCK_ONE_WAY : 0;
    int socket = connected(atoi(words[optind]));
    for (int i = 1; i <= times; i++) {
        head.request = htonl(i);
        ask(socket, &head, item);
        if (head.flags & STOCK_ONE_WAY) continue;
        enum stock_status status = hear(socket, &head);
        if (times > 1) tally(status, i == times);
        else if (status == STOCK_OK) printf("ok: %s\n", text);
        else printf("error %d: %s\n", status, text);
    }
    return 0;
}
