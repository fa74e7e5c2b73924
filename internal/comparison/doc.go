// Package comparison measures the program beside other proxies on the same
// machine in the same minute: requests, throughput, and what an idle WebSocket
// costs. It holds benchmarks alone; docs/performance.md says how to read them.
//
// Every proxy is a process of its own with a configuration that a careful
// operator would write: connections kept, one worker a core, the client's address
// passed on, no access log (but ours, which cannot be switched off). A proxy that
// is not installed is left out, visibly.
package comparison
