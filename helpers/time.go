package helpers

func init() {
	define(map[string]Func{
		"ktime_get_ns":         func(c *Call) uint64 { return c.env().clock() },
		"ktime_get_boot_ns":    func(c *Call) uint64 { return c.env().boot() },
		"ktime_get_coarse_ns":  func(c *Call) uint64 { return c.env().coarse() },
		"ktime_get_tai_ns":     func(c *Call) uint64 { return c.env().tai() },
		"jiffies64":            func(c *Call) uint64 { return c.env().jiffies() },
		"get_prandom_u32":      func(c *Call) uint64 { return uint64(c.env().random()) },
		"get_smp_processor_id": func(c *Call) uint64 { return uint64(uint32(c.CPU)) },
		"get_numa_node_id":     func(c *Call) uint64 { return uint64(c.env().NUMANode) },
	})
}
