import { TransformationType, type TransformFnParams } from 'class-transformer';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage } from 'class-validator';

export type Metatype = new () => object;

/** A declared field of a class. */
interface Field {
  name: string;
  /** Class of the value, or of a list's elements (`@Type`). */
  part: (() => Metatype) | undefined;
  /**
   * Whether `null` is a value of its own; otherwise it counts as absent, if the field is optional (docs/contracts/apig-clients.md §1.2).
   */
  nullable: boolean;
  /** Longest list whose elements are converted (`@ArrayMaxSize`). */
  listMax: number;
  transforms: readonly ((params: TransformFnParams) => unknown)[];
}

const known = new WeakMap<Metatype, readonly Field[]>();

/**
 * Instantiates a class from parsed input with its declared fields only. class-transformer copies everything sent, in time quadratic in
 * the number of fields of an object; this uses its decorators without its traversal. Values without a class are passed on as parsed.
 */
export function ownFields(metatype: Metatype, plain: unknown): unknown {
  if (typeof plain !== 'object' || plain === null) return plain;
  const instance = new metatype() as Record<string, unknown>;
  const sent = plain as Record<string, unknown>;
  for (const { name, part, nullable, listMax, transforms } of known.get(metatype) ?? read(metatype)) {
    if (!Object.hasOwn(sent, name)) continue;
    let value = sent[name];
    if (value === null && !nullable) continue;
    if (part) value = partsOf(part(), value, listMax);
    for (const transform of transforms)
      value = transform({ value, key: name, obj: sent, type: TransformationType.PLAIN_TO_CLASS, options: {} });
    instance[name] = value;
  }
  return instance;
}

function partsOf(part: Metatype, value: unknown, listMax: number): unknown {
  if (!Array.isArray(value)) return ownFields(part, value);
  // The validator refuses a list that is too long, so its elements need no conversion.
  if (value.length > listMax) return value;
  // null fails validation; a nested list would be searched for parts, and pass when empty.
  return value.map((each: unknown) => (Array.isArray(each) ? null : ownFields(part, each)));
}

function read(metatype: Metatype): readonly Field[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(metatype, '', false, false);
  const fields = [...new Set(rules.map(({ propertyName }) => propertyName))].map((name): Field => {
    const type = defaultMetadataStorage.findTypeMetadata(metatype, name);
    const longest = rules.find((rule) => rule.propertyName === name && rule.name === 'arrayMaxSize')?.constraints as [number] | undefined;
    return {
      name,
      part: type && (() => type.typeFunction() as Metatype),
      nullable:
        documented(metatype, name)?.nullable === true || !rules.some((rule) => rule.propertyName === name && rule.name === 'isOptional'),
      listMax: longest?.[0] ?? Infinity,
      transforms: defaultMetadataStorage
        .findTransformMetadatas(metatype, name, TransformationType.PLAIN_TO_CLASS)
        .map(({ transformFn }) => transformFn),
    };
  });
  known.set(metatype, fields);
  return fields;
}

/** The field's OpenAPI metadata, which decides whether it may be null. */
const documented = (metatype: Metatype, name: string) =>
  Reflect.getMetadata('swagger/apiModelProperties', metatype.prototype as object, name) as { nullable?: boolean } | undefined;
