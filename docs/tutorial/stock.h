/* stock.h: how the stock service is spoken to. Integers are in network order. */
#include <stdint.h>

enum stock_opcode { STOCK_GET = 1, STOCK_LIST = 2, STOCK_RESERVE = 3, STOCK_NOTE = 4 };
enum stock_flags { STOCK_ANSWER = 0x01, STOCK_ONE_WAY = 0x02, STOCK_PING = 0x04 };
enum stock_status { STOCK_OK = 0, STOCK_NO_SUCH_ITEM = 1, STOCK_BUSY = 7, STOCK_BROKEN = 9 };

struct stock_header {
    uint32_t length;      /* of the whole frame, this field included */
    uint16_t version;     /* 0x5301 */
    uint8_t flags;
    uint8_t opcode;
    uint32_t request;     /* chosen by the client; its answer has the same */
    uint16_t status;      /* in answers */
    uint16_t deadline_ms; /* in requests: how long the client will wait, 0 for ever */
    char tenant[8];       /* whose stock; filled up with NULs */
} __attribute__((packed)); /* a text follows: the item, or the answer's words */

#define STOCK_VERSION 0x5301
#define STOCK_TEXT_MAX 1000
