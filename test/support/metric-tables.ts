/**
 * The metrics of each program, with type and labels, as Kubernetes v1.35 documents them. docs/metrics.md says what of
 * Kubernetes' stable and beta metrics is not among them, and why.
 */

export interface ExpectedMetric {
  readonly name: string;
  readonly type: string;
  /** Sorted. */
  readonly labels: readonly string[];
}

export const everywhere = table(`
  kubernetes_build_info gauge build_date,compiler,git_commit,git_tree_state,git_version,go_version,major,minor,platform
  kubernetes_healthcheck gauge name,type
  kubernetes_healthchecks_total counter name,status,type
  process_cpu_seconds_total counter
  process_max_fds gauge
  process_open_fds gauge
  process_resident_memory_bytes gauge
  process_start_time_seconds gauge
  process_virtual_memory_bytes gauge
`);

export const ofClients = table(`
  leader_election_master_status gauge name
  rest_client_request_duration_seconds histogram host,verb
  rest_client_requests_total counter code,host,method
`);

export const ofApiServer = table(`
  apiserver_admission_controller_admission_duration_seconds histogram name,operation,rejected,type
  apiserver_admission_step_admission_duration_seconds histogram operation,rejected,type
  apiserver_cache_list_fetched_objects_total counter group,index,resource
  apiserver_cache_list_returned_objects_total counter group,resource
  apiserver_cache_list_total counter group,index,resource
  apiserver_client_certificate_expiration_seconds histogram
  apiserver_current_inflight_requests gauge request_kind
  apiserver_current_inqueue_requests gauge request_kind
  apiserver_flowcontrol_current_executing_requests gauge flow_schema,priority_level
  apiserver_flowcontrol_current_executing_seats gauge flow_schema,priority_level
  apiserver_flowcontrol_current_inqueue_requests gauge flow_schema,priority_level
  apiserver_flowcontrol_current_inqueue_seats gauge flow_schema,priority_level
  apiserver_flowcontrol_current_limit_seats gauge priority_level
  apiserver_flowcontrol_demand_seats_average gauge priority_level
  apiserver_flowcontrol_demand_seats_high_watermark gauge priority_level
  apiserver_flowcontrol_demand_seats_smoothed gauge priority_level
  apiserver_flowcontrol_demand_seats_stdev gauge priority_level
  apiserver_flowcontrol_dispatched_requests_total counter flow_schema,priority_level
  apiserver_flowcontrol_lower_limit_seats gauge priority_level
  apiserver_flowcontrol_nominal_limit_seats gauge priority_level
  apiserver_flowcontrol_rejected_requests_total counter flow_schema,priority_level,reason
  apiserver_flowcontrol_request_dispatch_no_accommodation_total counter flow_schema,priority_level
  apiserver_flowcontrol_request_execution_seconds histogram flow_schema,priority_level,type
  apiserver_flowcontrol_request_queue_length_after_enqueue histogram flow_schema,priority_level
  apiserver_flowcontrol_request_wait_duration_seconds histogram execute,flow_schema,priority_level
  apiserver_flowcontrol_seat_fair_frac gauge
  apiserver_flowcontrol_target_seats gauge priority_level
  apiserver_flowcontrol_upper_limit_seats gauge priority_level
  apiserver_flowcontrol_work_estimated_seats histogram flow_schema,priority_level
  apiserver_init_events_total counter group,resource
  apiserver_longrunning_requests gauge component,group,resource,scope,subresource,verb,version
  apiserver_request_aborts_total counter group,resource,scope,subresource,verb,version
  apiserver_request_duration_seconds histogram component,dry_run,group,resource,scope,subresource,verb,version
  apiserver_request_sli_duration_seconds histogram component,group,resource,scope,subresource,verb,version
  apiserver_request_terminations_total counter code,component,group,resource,scope,subresource,verb,version
  apiserver_request_total counter code,component,dry_run,group,resource,scope,subresource,verb,version
  apiserver_requested_deprecated_apis gauge group,removed_release,resource,subresource,version
  apiserver_resource_objects gauge group,resource
  apiserver_response_sizes histogram component,group,resource,scope,subresource,verb,version
  apiserver_storage_events_received_total counter group,resource
  apiserver_storage_list_evaluated_objects_total counter group,resource
  apiserver_storage_list_fetched_objects_total counter group,resource
  apiserver_storage_list_returned_objects_total counter group,resource
  apiserver_storage_list_total counter group,resource
  apiserver_storage_objects gauge resource
  apiserver_storage_size_bytes gauge storage_cluster_id
  apiserver_watch_cache_consistent_read_total counter fallback,group,resource,success
  apiserver_watch_cache_events_dispatched_total counter group,resource
  apiserver_watch_cache_events_received_total counter group,resource
  apiserver_watch_cache_initializations_total counter group,resource
  apiserver_watch_cache_read_wait_seconds histogram group,resource
  apiserver_watch_cache_resource_version gauge group,resource
  apiserver_watch_events_sizes histogram group,resource,version
  apiserver_watch_events_total counter group,resource,version
  authenticated_user_requests counter username
  authentication_attempts counter result
  authentication_duration_seconds histogram result
  authorization_attempts_total counter result
  authorization_duration_seconds histogram result
  etcd_request_duration_seconds histogram group,operation,resource
  etcd_request_errors_total counter group,operation,resource
  etcd_requests_total counter group,operation,resource
`);

export const ofControllerManager = table(`
  node_collector_evictions_total counter zone
  node_collector_unhealthy_nodes_in_zone gauge zone
  node_collector_zone_health gauge zone
  node_collector_zone_size gauge zone
  running_managed_controllers gauge manager,name
  workqueue_adds_total counter name
  workqueue_depth gauge name
  workqueue_longest_running_processor_seconds gauge name
  workqueue_queue_duration_seconds histogram name
  workqueue_retries_total counter name
  workqueue_unfinished_work_seconds gauge name
  workqueue_work_duration_seconds histogram name
`);

export const ofScheduler = table(`
  scheduler_cache_size gauge type
  scheduler_framework_extension_point_duration_seconds histogram extension_point,profile,status
  scheduler_pending_pods gauge queue
  scheduler_permit_wait_duration_seconds histogram result
  scheduler_plugin_evaluation_total counter extension_point,plugin,profile
  scheduler_plugin_execution_duration_seconds histogram extension_point,plugin,status
  scheduler_pod_scheduling_attempts histogram
  scheduler_pod_scheduling_sli_duration_seconds histogram attempts
  scheduler_queue_incoming_pods_total counter event,queue
  scheduler_schedule_attempts_total counter profile,result
  scheduler_scheduling_algorithm_duration_seconds histogram
  scheduler_scheduling_attempt_duration_seconds histogram profile,result
  scheduler_unschedulable_pods gauge plugin,profile
`);

export const ofKubelet = table(`
  kubelet_evictions counter eviction_signal
  kubelet_http_inflight_requests gauge long_running,method,path,server_type
  kubelet_http_requests_duration_seconds histogram long_running,method,path,server_type
  kubelet_http_requests_total counter long_running,method,path,server_type
  kubelet_image_pull_duration_seconds histogram image_size_in_bytes
  kubelet_node_name gauge node
  kubelet_pleg_last_seen_seconds gauge
  kubelet_pleg_relist_duration_seconds histogram
  kubelet_pleg_relist_interval_seconds histogram
  kubelet_pod_deferred_accepted_resizes_total counter retry_trigger
  kubelet_pod_in_progress_resizes gauge
  kubelet_pod_infeasible_resizes_total counter reason_detail
  kubelet_pod_pending_resizes gauge reason
  kubelet_pod_resize_duration_milliseconds histogram success
  kubelet_pod_start_duration_seconds histogram
  kubelet_pod_start_sli_duration_seconds histogram
  kubelet_pod_start_total_duration_seconds histogram
  kubelet_pod_worker_duration_seconds histogram operation_type
  kubelet_preemptions counter preemption_signal
  kubelet_run_podsandbox_duration_seconds histogram runtime_handler
  kubelet_run_podsandbox_errors_total counter runtime_handler
  kubelet_running_containers gauge container_state
  kubelet_running_pods gauge
  kubelet_runtime_operations_duration_seconds histogram operation_type
  kubelet_runtime_operations_errors_total counter operation_type
  kubelet_runtime_operations_total counter operation_type
  kubelet_started_containers_errors_total counter code,container_type
  kubelet_started_containers_total counter container_type
  kubelet_started_pods_errors_total counter
  kubelet_started_pods_total counter
`);

export const ofProxy = table(`
  kubeproxy_sync_full_proxy_rules_duration_seconds histogram ip_family
  kubeproxy_sync_partial_proxy_rules_duration_seconds histogram ip_family
  kubeproxy_sync_proxy_rules_duration_seconds histogram ip_family
  kubeproxy_sync_proxy_rules_endpoint_changes_pending gauge
  kubeproxy_sync_proxy_rules_endpoint_changes_total counter
  kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds gauge ip_family
  kubeproxy_sync_proxy_rules_last_timestamp_seconds gauge ip_family
  kubeproxy_sync_proxy_rules_nftables_sync_failures_total counter ip_family
  kubeproxy_sync_proxy_rules_service_changes_pending gauge
  kubeproxy_sync_proxy_rules_service_changes_total counter
`);

function table(text: string): readonly ExpectedMetric[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', type = '', labels = ''] = line.trim().split(' ');
      return { name, type, labels: labels === '' ? [] : labels.split(',') };
    });
}
