/** Error bodies of the API Gateway contract, word for word. */
export const words = (error_code: string, error_msg: string) => ({ error_code, error_msg });

/** The text of a rule about one parameter. */
export const named = (code: string, rule: string, parameter: string) =>
  words(code, `${rule},parameterName:${parameter}. Please refer to the support documentation`);

export const invalid = (parameter: string, code = 'APIG.2011') => named(code, 'Invalid parameter value', parameter);

export const missing = (parameter: string) => named('APIG.2001', 'The request parameters must be specified', parameter);
