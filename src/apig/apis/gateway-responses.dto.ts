import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsDefined, Matches, NotEquals } from 'class-validator';
import { toNanoseconds, toSeconds } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { OptionalPart, OptionalParts, OptionalWhole } from './fields.js';
import { GatewayResponse } from './gateway-response.entity.js';
import { fromJson } from './listing.js';

/** The error types, each with the status of its default response if that status is fixed (docs/contracts/apig.md §3.9). */
const DEFAULT_STATUS = {
  AUTH_FAILURE: 401,
  AUTH_HEADER_MISSING: 401,
  AUTHORIZER_FAILURE: 500,
  AUTHORIZER_CONF_FAILURE: 500,
  AUTHORIZER_IDENTITIES_FAILURE: 401,
  BACKEND_UNAVAILABLE: 502,
  BACKEND_TIMEOUT: 504,
  THROTTLED: 429,
  UNAUTHORIZED: 401,
  ACCESS_DENIED: 403,
  NOT_FOUND: 404,
  REQUEST_PARAMETERS_FAILURE: 400,
  DEFAULT_4XX: undefined,
  DEFAULT_5XX: undefined,
  THIRD_AUTH_FAILURE: 401,
  THIRD_AUTH_IDENTITIES_FAILURE: 401,
  THIRD_AUTH_CONF_FAILURE: 500,
  ORCHESTRATION_PARAMETER_NOT_FOUND: undefined,
  ORCHESTRATION_FAILURE: undefined,
} as const;
export type ResponseType = keyof typeof DEFAULT_STATUS;
export const RESPONSE_TYPES = Object.keys(DEFAULT_STATUS) as ResponseType[];
export const isResponseType = (text: string): text is ResponseType => Object.hasOwn(DEFAULT_STATUS, text);

const DEFAULT_BODY = '{"error_code":"$context.error.code","error_msg":"$context.error.message","request_id":"$context.requestId"}';
/** The name of the responses with which every group is created. */
const BUILT_IN = 'default';

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const BODY_MAX = 20_480;
const HEADER_KEY = /^[A-Za-z0-9_-]{1,128}$/;
/** Refuses line breaks, because a line break would end the header early. */
const HEADER_VALUE = /^[^\r\n\0]{1,1024}$/u;

export class ResponseHeader {
  @ApiProperty({ pattern: HEADER_KEY.source, maxLength: 128 })
  @IsDefined()
  @Matches(HEADER_KEY)
  key: string;

  @ApiProperty({ minLength: 1, maxLength: 1024, description: 'Value of the header, without line breaks' })
  @IsDefined()
  @Matches(HEADER_VALUE)
  value: string;
}

/** The response for one error type (docs/contracts/apig.md §3.9). */
export class ResponseInput {
  @ApiProperty({ maxLength: BODY_MAX, description: 'Template of the body' })
  @IsDefined()
  @Matches(new RegExp(`^[^]{0,${BODY_MAX}}$`, 'u'))
  body: string;

  @NotEquals(444)
  @OptionalWhole(200, 599, { description: 'Any status except 444. Default: the status of the error type' })
  status?: number;

  @OptionalParts(() => ResponseHeader, 10) headers?: ResponseHeader[];
}

/** Responses by error type. */
class ResponsesInput {}
for (const type of RESPONSE_TYPES) OptionalPart(() => ResponseInput)(ResponsesInput.prototype, type);
type Responses = Partial<Record<ResponseType, ResponseInput>>;

/** Refuses an unknown error type as an invalid value, although unknown fields are ignored elsewhere. */
const KnownTypesOnly = () =>
  Transform(({ value, obj }: { value: unknown; obj: { responses?: unknown } }) =>
    Object.keys(Object(obj.responses) as object).every(isResponseType) ? value : 'unknown type',
  );

/** Body of create and of modify, which replaces all fields (docs/contracts/apig.md §3.9). */
export class GatewayResponseInput {
  @ApiProperty({ pattern: NAME.source, maxLength: 64, description: 'Unique within the group' })
  @IsDefined()
  @Matches(NAME)
  name: string;

  @KnownTypesOnly()
  @OptionalPart(() => ResponsesInput, { description: 'Responses by error type; an omitted type has its default response' })
  responses?: Responses;
}

/** The responses of a group that a path names. */
export interface ResponsePath {
  group_id: string;
  response_id: string;
}

/** One error type of the responses that a path names. */
export interface ResponseTypePath extends ResponsePath {
  response_type: string;
}

/** The response for one error type, as responses of the API show it. */
export class ResponseView {
  @ApiPropertyOptional({ type: 'integer' }) status?: number;
  @ApiProperty() body: string;
  @ApiPropertyOptional({ type: [ResponseHeader] }) headers?: ResponseHeader[];
  @ApiProperty({ description: 'Whether it is the default response of its error type' }) default: boolean;
}

/** Responses for all error types. */
class AllResponsesView {}
/** The response for the requested error type. */
export class ResponsesView {}
for (const type of RESPONSE_TYPES) {
  ApiProperty({ type: ResponseView })(AllResponsesView.prototype, type);
  ApiPropertyOptional({ type: ResponseView })(ResponsesView.prototype, type);
}

/** A row of the list (docs/contracts/apig.md §3.9). */
export class GatewayResponseRowView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty({ description: 'Whether it was created together with its group' }) default: boolean;
  @ApiProperty({ format: 'date-time' }) create_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
}

export class GatewayResponseView extends GatewayResponseRowView {
  @ApiProperty({ type: AllResponsesView, description: 'The responses for all error types' }) responses: Partial<
    Record<ResponseType, ResponseView>
  >;
}

export class GatewayResponseListView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [GatewayResponseRowView] }) responses: GatewayResponseRowView[];
}

/** A row of `gateway_responses`. */
export const RESPONSE = columnsOf(GatewayResponse, 'r').pick('id', 'name', 'groupId', 'builtIn', 'responses', 'createdAt', 'updatedAt');
export type ResponseRow = RowOf<typeof RESPONSE>;
/** A row of the list, without the response bodies, which can have a megabyte. */
export const RESPONSE_SUMMARY = columnsOf(GatewayResponse, 'r').pick('id', 'name', 'groupId', 'builtIn', 'createdAt', 'updatedAt');
export const NEW_RESPONSE = columnsOf(GatewayResponse).all();

/** The responses with which a group is created. */
export const builtIn = (groupId: string, now: number) => {
  const times = { createdAt: now, updatedAt: now };
  return { id: newId(), groupId, name: BUILT_IN, builtIn: 1 as const, responses: '{}', ...times };
};

export const responsesOf = (row: Pick<ResponseRow, 'responses'>): Responses => fromJson<Responses>(row.responses);

/** @param now the time of the write that returns this view; times in the view then have nine digits */
export function toResponseRowView(row: Omit<ResponseRow, 'responses'>, now?: number): GatewayResponseRowView {
  const time = (instant: number) => (instant === now ? toNanoseconds(instant) : toSeconds(instant));
  const [create_time, update_time] = [time(row.createdAt), time(row.updatedAt)];
  return { id: row.id, name: row.name, default: row.builtIn === 1, create_time, update_time };
}

/** @param now as in {@link toResponseRowView} */
export const toResponseView = (row: ResponseRow, now?: number): GatewayResponseView => ({
  ...toResponseRowView(row, now),
  responses: toResponses(responsesOf(row), RESPONSE_TYPES),
});

export const toResponses = (changed: Responses, types: readonly ResponseType[]) =>
  Object.fromEntries(types.map((type) => [type, toOne(changed[type], DEFAULT_STATUS[type])])) as Partial<
    Record<ResponseType, ResponseView>
  >;

const toOne = (changed: ResponseInput | undefined, status: number | undefined): ResponseView => ({
  ...(status !== undefined && { status }),
  ...(changed ?? { body: DEFAULT_BODY }),
  default: changed === undefined,
});
