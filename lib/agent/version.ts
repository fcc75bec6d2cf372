/** The version of the library, and so the tag of the agent image that understands its configuration. */
export const KEELSON_VERSION = '0.1.0';

/** The apiVersion of every configuration and status document that library and agent exchange. */
export const AGENT_API_VERSION = 'agent.keelson.dev/v1alpha1';
