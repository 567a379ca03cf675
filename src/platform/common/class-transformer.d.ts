/** Type of class-transformer's metadata storage. The package declares it under a path that is not the module's. */
declare module 'class-transformer/cjs/storage.js' {
  export { defaultMetadataStorage } from 'class-transformer/types/storage.js';
}
