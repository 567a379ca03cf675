import { type ApiError, ContractError, type ApiFault } from './api-error.js';
import { APIC, APIG, type FaultResponses, KEYSTONE, WEBHOOKS } from './error-codes.js';

/** An error response in the format of the path. */
export interface Rendered {
  status: number;
  contentType: string;
  body: object;
}

const HELP = 'Please refer to the support documentation';

/** Matches paths with `APIC.` codes, which concern the gateway itself (docs/contracts/apig.md §3.1, docs/contracts/apig-clients.md §2). */
const OF_A_GATEWAY =
  'progress|restriction|instance-features|instance-tags|instance-tags/action|eip|nat-eip|ingress-eip|postpaid-resize|extra-elbs|' +
  'custom-ingress-ports|custom-ingress-ports/[^/]+';
const OF_A_PROJECT = 'available-zones|instance/configs|instance-tags|resource-instances/filter|resource-instances/count';
const APIC_PATH = new RegExp(`^/v2/[^/]+/apigw/(instances(/[^/]+(/(${OF_A_GATEWAY})?)?)?|${OF_A_PROJECT})/?$`);

function apig(responses: FaultResponses, error: ApiError): Rendered {
  const json = (status: number, code: string, message: string): Rendered => ({
    status,
    contentType: 'application/json; charset=utf-8',
    body: { error_code: code, error_msg: message },
  });
  if (error instanceof ContractError) return json(error.status, error.code, error.message);
  const { kind, fault } = error as ApiFault;
  const [status, code, message] = responses[kind];
  if (kind !== 'invalid' && kind !== 'missing')
    return json(status, code, fault.detail && status < 500 ? `${message}: ${fault.detail}` : message);
  if (responses === APIC) {
    const names = fault.allMissing && fault.allMissing.length > 1 ? fault.allMissing : [fault.parameter ?? ''];
    return json(status, code, `${message}, parameter name[${names.map(camelCase).join(', ')}]`);
  }
  const ofPlace = kind === 'invalid' && fault.where !== 'body' ? 'APIG.2012' : code;
  return json(status, fault.code ?? ofPlace, `${message},parameterName:${fault.parameter}. ${HELP}`);
}

function keystone(error: ApiError): Rendered {
  const contentType = 'application/json; charset=utf-8';
  if (error instanceof ContractError) {
    return { status: error.status, contentType, body: { error: { code: error.status, message: error.message, title: error.code } } };
  }
  const { kind, fault } = error as ApiFault;
  const [status, title, message] = KEYSTONE[kind];
  const about = fault.parameter ? `${message}: ${fault.parameter}` : message;
  return { status, contentType, body: { error: { code: status, message: about, title } } };
}

/** The webhook contract: a field error also names the field in `details` (docs/contracts/endpoints.md §1.1). */
function webhooks(error: ApiError, requestId: string): Rendered {
  const json = (status: number, code: string, message: string, details?: object): Rendered => ({
    status,
    contentType: 'application/json; charset=utf-8',
    body: { error: { code, message, ...(details && { details }) }, meta: { request_id: requestId } },
  });
  if (error instanceof ContractError) return json(error.status, error.code, error.message);
  const { kind, fault } = error as ApiFault;
  const [status, code, message] = WEBHOOKS[kind];
  if (kind !== 'invalid' && kind !== 'missing') return json(status, code, message);
  const { parameter = '', rule } = fault;
  return json(status, fault.code ?? code, (kind === 'invalid' && rule) || `${parameter} ${message}`, { field: parameter });
}

/** Signet's own interfaces: RFC 9457, with the kind of the fault as `code`. */
function problem(error: ApiError, requestId: string): Rendered {
  const contentType = 'application/problem+json; charset=utf-8';
  if (error instanceof ContractError) {
    return {
      status: error.status,
      contentType,
      body: { type: 'about:blank', title: error.message, status: error.status, code: error.code, request_id: requestId },
    };
  }
  const { kind, fault } = error as ApiFault;
  const [status, title, message] = KEYSTONE[kind];
  const body = {
    type: 'about:blank',
    title,
    status,
    detail: fault.detail ?? fault.rule ?? message,
    code: kind,
    ...(fault.parameter && { parameter: fault.parameter }),
    request_id: requestId,
  };
  return { status, contentType, body };
}

/**
 * Renders an error in the format of the path.
 * @param path the request's path without its query
 */
export function render(error: ApiError, path: string, requestId: string): Rendered {
  const format = errorFormatOf(path);
  if (format === 'Keystone') return keystone(error);
  if (format === 'Problem') return problem(error, requestId);
  if (format === 'Webhook') return webhooks(error, requestId);
  return apig(format === 'Apic' ? APIC : APIG, error);
}

/** The error formats: APIG with two sets of codes, Keystone, the webhook contract, and RFC 9457. */
export type ErrorFormat = 'Apig' | 'Apic' | 'Keystone' | 'Webhook' | 'Problem';

/** @param path the path of a request without its query, or of a route with `{name}` for each parameter */
export function errorFormatOf(path: string): ErrorFormat {
  if (path.startsWith('/v3/') || path === '/v3' || path.startsWith('/v3.0/')) return 'Keystone';
  if (path.startsWith('/v2/')) return APIC_PATH.test(path) ? 'Apic' : 'Apig';
  if (path.startsWith('/v1/')) return 'Webhook';
  return 'Problem';
}

const camelCase = (snake: string) => snake.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
