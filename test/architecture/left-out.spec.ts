import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage, validateSync } from 'class-validator';
import { type ZeroField, zeroMeansNotGiven } from '../../src/platform/common/left-out.js';
import { ownFields } from '../../src/platform/common/own-fields.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { routesOf } from '../support/routes.js';
import { TestService } from '../support/service.js';

type Input = new () => object;
type Values = Record<string, unknown>;

/** Fields in whose range 0 is, and whose 0 still counts as left out. */
const ZERO_IN_RANGE: Record<string, string> = {
  'ReqParam.min_num': 'sent as a pair with max_num, 0 when unset',
  'ReqParam.max_num': 'sent as a pair with min_num, 0 when unset',
  'ReqParam.min_size': 'sent as a pair with max_size, 0 when unset',
  'ReqParam.max_size': 'sent as a pair with min_size, 0 when unset',
};

let database: TestDatabase;
let service: TestService;
let fields: Field[];

/** An optional field of an input of the API Gateway contract. */
interface Field {
  readonly input: Input;
  readonly name: string;
  readonly type: unknown;
}

/** `limit: 0` is the default number of rows. */
const PAGE = new Set(['limit', 'offset']);

const isInput = (type: unknown): type is Input =>
  typeof type === 'function' && getMetadataStorage().getTargetValidationMetadatas(type, '', false, false).length > 0;
const namesOf = (input: Input) => [
  ...new Set(
    getMetadataStorage()
      .getTargetValidationMetadatas(input, '', false, false)
      .map(({ propertyName }) => propertyName),
  ),
];
const partOf = (input: Input, name: string) => defaultMetadataStorage.findTypeMetadata(input, name)?.typeFunction() as Input | undefined;
const refuses = (instance: object, name: string) => validateSync(instance).some(({ property }) => property === name);
const read = (input: Input, values: Values) => ownFields(input, values) as Values;
const pathOf = ({ input, name }: Field) => `${input.name}.${name}`;

/** The documented properties of a field. The declaration of the field gives all other properties. */
function typeOf(input: Input, name: string): unknown {
  const documented = Reflect.getMetadata('swagger/apiModelProperties', input.prototype as object, name) as Values | undefined;
  const { type, isArray, enum: values } = documented ?? {};
  if (isArray === true || Array.isArray(type)) return Array;
  if (Array.isArray(values)) return typeof values[0] === 'number' ? Number : String;
  if (type === 'integer' || type === 'number') return Number;
  return type ?? (Reflect.getMetadata('design:type', input.prototype as object, name) as unknown);
}

/** An input and the inputs nested in it. */
function withParts(input: Input, seen = new Set<Input>()): Set<Input> {
  if (seen.has(input)) return seen;
  seen.add(input);
  for (const name of namesOf(input)) {
    const part = partOf(input, name);
    if (part) withParts(part, seen);
  }
  return seen;
}

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database);
  const inputs = routesOf(service.app)
    .filter(({ path }) => path.startsWith('/v2/'))
    .flatMap(({ parameters }) => parameters.filter(isInput));
  fields = [...new Set(inputs.flatMap((input) => [...withParts(input)]))].flatMap((input) =>
    namesOf(input)
      .filter((name) => !refuses(new input(), name))
      .map((name): Field => ({ input, name, type: typeOf(input, name) })),
  );
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

const ofType = (type: unknown) => fields.filter((field) => field.type === type);

describe('an optional field of the API Gateway contract', () => {
  it('is found in every input, also in nested ones', () => {
    expect(fields.map(pathOf)).toEqual(
      expect.arrayContaining([
        'ApiInput.remark',
        'ReqParam.valid_enable',
        'PolicyMock.status_code',
        'InstanceInput.tags',
        'MemberInput.status',
      ]),
    );
    for (const type of [String, Number, Boolean, Array]) expect(ofType(type).length).toBeGreaterThan(4);
  });

  it('treats null as left out', () => {
    // A condition may pass null on, but must not refuse it.
    expect(fields.filter(({ input, name }) => refuses(read(input, { [name]: null }), name)).map(pathOf)).toEqual([]);
    const lists = fields.filter(({ type }) => type === Array);
    expect(lists.filter(({ input, name }) => read(input, { [name]: null })[name] != null).map(pathOf)).toEqual([]);
  });

  it('accepts 0 if it is a number, as a value or as left out', () => {
    expect(
      ofType(Number)
        .filter(({ input, name }) => refuses(read(input, { [name]: 0 }), name))
        .map(pathOf),
    ).toEqual([]);
  });

  it('treats 0 as left out only if its own rule refuses 0, or for a stated reason', () => {
    const leftOut = ofType(Number).filter(({ input, name }) => !PAGE.has(name) && read(input, { [name]: 0 })[name] === undefined);
    const refused = ofType(Number).filter(({ input, name }) => refuses(Object.assign(new input(), { [name]: 0 }), name));
    expect(leftOut.map(pathOf).sort()).toEqual([...refused.map(pathOf), ...Object.keys(ZERO_IN_RANGE)].sort());
  });

  it('is in the table if and only if it treats 0 as left out', () => {
    const leftOut = ofType(Number).filter(({ input, name }) => read(input, { [name]: 0 })[name] === undefined);
    const covers = (row: ZeroField, { input, name }: Field) =>
      row.field === name && (row.input === input || input.prototype instanceof row.input);
    const table = zeroMeansNotGiven();
    expect(leftOut.filter((field) => !PAGE.has(field.name) && !table.some((row) => covers(row, field))).map(pathOf)).toEqual([]);
    expect(table.filter((row) => !leftOut.some((field) => covers(row, field)))).toEqual([]);
  });

  it('accepts the empty text if it is a text, as a value or as left out', () => {
    expect(
      ofType(String)
        .filter(({ input, name }) => refuses(read(input, { [name]: '' }), name))
        .map(pathOf),
    ).toEqual([]);
  });

  it('treats the empty text as a value if it is a remark or a description', () => {
    const texts = ofType(String).filter(({ name }) => /remark|description/.test(name));
    expect(texts.length).toBeGreaterThan(4);
    expect(texts.filter(({ input, name }) => read(input, { [name]: '' })[name] !== '').map(pathOf)).toEqual([]);
  });

  it('treats false as a value if it is a boolean', () => {
    expect(
      ofType(Boolean)
        .filter(({ input, name }) => read(input, { [name]: false })[name] !== false)
        .map(pathOf),
    ).toEqual([]);
  });
});
