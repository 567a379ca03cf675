/** Format of user names: letters of any script, digits, and the characters of an e-mail address. */
export const USER_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.@+-]{0,63}$/u;
