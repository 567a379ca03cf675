/** Takes one line. No line has a secret, a query or the value of a header. */
export type Log = (line: string) => void;

/** Default of every `log` option. */
export const systemLog: Log = (line) => console.warn(`signet-signing: ${line}`);

/** The name of an error, without its text, which may show what was looked up. */
export const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
