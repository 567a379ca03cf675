import { TransformationType, type TransformFnParams } from 'class-transformer';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage } from 'class-validator';

export type Metatype = new () => object;

/** A declared field of a class. */
interface Field {
  name: string;
  /** Class of the value or of the elements of a list (`@Type`). */
  part: (() => Metatype) | undefined;
  /** Whether `null` is a value. Otherwise it counts as absent, if the field is optional (docs/contracts/apig-clients.md §1.2). */
  nullable: boolean;
  /** Maximum length of a list whose elements are converted (`@ArrayMaxSize`). */
  listMax: number;
  transforms: readonly ((params: TransformFnParams) => unknown)[];
}

const known = new WeakMap<Metatype, readonly Field[]>();

/**
 * Creates an instance of a class from parsed input, with the declared fields only. class-transformer copies everything that was sent, in
 * time quadratic in the number of fields of an object. This function uses its decorators but not its traversal. Values without a class are
 * passed on as parsed.
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
  // The validator refuses a list that is too long, so its elements are not converted.
  if (value.length > listMax) return value;
  // A nested list becomes null, which fails validation: the validator would otherwise look for objects in it, and accept it when empty.
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

/** The OpenAPI metadata of the field, which says whether it may be null. */
const documented = (metatype: Metatype, name: string) =>
  Reflect.getMetadata('swagger/apiModelProperties', metatype.prototype as object, name) as { nullable?: boolean } | undefined;
