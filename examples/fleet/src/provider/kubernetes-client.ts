/** What the fleet uses of the client of Kubernetes; the Dockerfile makes one small file of it. */
export {
  ApiException,
  type ConfigurationOptions,
  CoreV1Api,
  KubeConfig,
  Observable,
  PatchStrategy,
  type RequestContext,
  type ResponseContext,
  type V1Pod,
  type V1PodTemplate,
  Watch,
} from '@kubernetes/client-node';
