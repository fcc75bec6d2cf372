export * from './configuration.ts';
export * from './job-template.ts';
export * from './run-files.ts';
export * from './status.ts';
export { AGENT_API_VERSION, KEELSON_VERSION } from './version.ts';
