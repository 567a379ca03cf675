/** class-transformer's metadata storage; the package declares its type under another path than the module. */
declare module 'class-transformer/cjs/storage.js' {
  export { defaultMetadataStorage } from 'class-transformer/types/storage.js';
}
