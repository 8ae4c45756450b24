/* What real Thrift clients and servers say to each other in these tests. Every request carries a
 * token that no other request carries; the answer is "SERVER|TOKEN", so that a wrong or
 * misplaced answer cannot pass. */

exception Refused {
  1: string why
}

service Peers {
  /* SERVER|token, whatever its size. */
  string echo(1: string token)
  /* The same after so many milliseconds. */
  string pause(1: string token, 2: i32 ms)
  /* Always throws Refused with SERVER|token: a declared exception. */
  string refuse(1: string token) throws (1: Refused refused)
  /* Always breaks inside the server: an exception that nobody declared. */
  string crash(1: string token)
  i32 add(1: i32 left, 2: i32 right)
  /* A token that is only noted. */
  oneway void note(1: string token)
  /* How often this server has noted it. */
  i32 noted(1: string token)
}

/* A later version, which clients know and servers do not. */
service Later extends Peers {
  string missing(1: string token)
}
