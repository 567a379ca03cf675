/** What a user can be called: letters of any script, digits, and what an e-mail address needs. */
export const USER_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.@+-]{0,63}$/u;
