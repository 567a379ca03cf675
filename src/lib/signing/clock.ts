/**
 * The one place where this library looks at a clock: the default of every `now` option, in milliseconds since the epoch.
 * Everything below the public door takes the time as an argument.
 */
export const systemNow = (): number => Date.now();
