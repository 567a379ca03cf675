import { describe, expect, it } from '@jest/globals';
import { Transform, Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsObject, IsOptional, IsString, ValidateNested } from 'class-validator';
import { ownFields } from './own-fields.js';

class Part {
  @Transform(({ value }: { value: unknown }) => (value === '' ? undefined : value))
  @IsString()
  @IsOptional()
  text?: string;
}

class Base {
  @IsString()
  name: string = 'unset';
}

class Whole extends Base {
  @Type(() => Part)
  @ValidateNested()
  @IsOptional()
  part?: Part;

  @Type(() => Part)
  @ValidateNested({ each: true })
  @ArrayMaxSize(2)
  @IsArray()
  @IsOptional()
  parts?: Part[];

  @IsObject()
  @IsOptional()
  map?: object;
}

/** An object that records which of its fields were read. */
function watched(fields: Record<string, unknown>): { object: object; read: Set<string> } {
  const read = new Set<string>();
  const object = new Proxy(fields, { get: (target, name) => (read.add(String(name)), target[String(name)]) });
  return { object, read };
}

describe('the fields of a class', () => {
  it('are copied from the input, and no other field is read', () => {
    const strange = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`strange_${i}`, { deep: [i] }]));
    const { object, read } = watched({ name: 'a', ...strange });
    expect(ownFields(Whole, object)).toEqual(Object.assign(new Whole(), { name: 'a' }));
    expect([...read]).toEqual(['name']);
  });

  it('are instances of their classes at every depth, with the transforms of their decorators applied', () => {
    const whole = ownFields(Whole, { part: { text: '', more: 1 }, parts: [{ text: 'a' }, { text: 'b', more: 1 }] }) as Whole;
    expect([whole, whole.part!, ...whole.parts!].map((each: object) => each.constructor)).toEqual([Whole, Part, Part, Part]);
    expect(whole.part!.text).toBeUndefined();
    expect(whole.parts).toEqual([{ text: 'a' }, { text: 'b' }]);
    expect(whole.name).toBe('unset');
  });

  it('stay unchanged if the value is not an object, has too many items or has no class', () => {
    const map = { toString: 'x', ['constructor_']: 1 };
    const parts = [{ text: 'a' }, { text: 'b' }, { text: 'c' }];
    const whole = ownFields(Whole, { part: 'text', parts, map }) as Whole;
    expect([whole.part, whole.parts, whole.map]).toEqual(['text', parts, map]);
    expect(whole.parts).toBe(parts);
    // A list in place of an object is refused, as is any other value that is not an object.
    expect(ownFields(Whole, { parts: [[{ text: 'a' }], []] })).toMatchObject({ parts: [null, null] });
  });

  it('never come from a prototype', () => {
    const sent = JSON.parse('{"__proto__":{"name":"polluted"},"constructor":{"prototype":{"name":"polluted"}}}') as object;
    expect(ownFields(Whole, sent)).toEqual(new Whole());
    expect(ownFields(Whole, Object.create({ name: 'inherited' }) as object)).toEqual(new Whole());
  });
});
