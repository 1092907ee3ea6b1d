/** What the page calls the scenarios. */
export const pageTitles = {
  invite: "invite", get: "get one", "page-first": "page of 50, first", "page-middle": "page of 50, middle",
  "page-last": "page of 50, last", check: "access check", all: "list all, streamed",
  accept: "accept by a known person", "accept-new": "accept by a new person",
  "accept-rest": "accept by a new person, hash of one round", "crowd-without": "get, before 64 join",
  "crowd-with": "get, while 64 join", "sign-in": "sign in", mail: "mails drained",
  "mail-beside": "invite, mails leaving",
};
