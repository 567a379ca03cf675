/**
 * Decodes base64 as in RFC 4648 §4, with padding and with unused bits of zero. Undefined for any other text, although Node decodes many: so
 * each sequence of bytes has exactly one text, and verifiers in other languages accept the same texts.
 */
export function canonicalBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
}
