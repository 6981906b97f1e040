// SPDX-License-Identifier: BSD-2-Clause
/*
 * What `pvn trace` prints of the golden trace, without blanks at the ends of lines; for
 * tools_trace.c. Checked by eye when it changes.
 */
#include "trace_samples.h"

/* clang-format off */
const char *const golden_lines[] = {
	"# Paravane 1.2.3, ABI 0.0, backend vmx, TSC 1000 kHz",
	"#    time [us] CPU   domain/vCPU    what                                    "
		"             <ticks> where",
	"         0.000 cpu0  a/0            result BLOCK 0x0, 0x123456789",
	"       990.000 cpu0  a/0            domain start",
	"      1000.000 cpu0  a/0            sched in",
	"      1870.000 cpu0  a/0            cpuid(leaf=0x7, subleaf=0x2)            "
		"               <120> 0000000000200010",
	"      2090.000 cpu0  a/0            rdmsr(EFER) = 0x500                     "
		"               <100> 0000000000200020",
	"      2290.000 cpu0  a/0            rdmsr(0x639) = fault                    "
		"               <100> 0000000000200024",
	"      2400.000 cpu0  a/0            inject #GP error=0x0",
	"      2490.000 cpu0  a/0            wrmsr(x2APIC+0x300, 0xfb)               "
		"               <100> 0000000000200030",
	"      2690.000 cpu0  a/0            port_out(0x3f8, 1, 0x41 'A')            "
		"               <100> 0000000000200040",
	"      2890.000 cpu0  a/0            port_in(0xcfc, 4) = 0x8086              "
		"               <100> 0000000000200040",
	"      3090.000 cpu0  a/0            port_out(0xe9, 1, rep string)           "
		"               <100> 0000000000200040",
	"      3290.000 cpu0  a/0            port_out(0x5056, 4, 0x7)                "
		"               <100> 0000000000200040",
	"      3490.000 cpu0  a/0            cr_write(cr4, r9=0x20)                  "
		"               <100> 0000000000200050",
	"      3690.000 cpu0  a/0            cr_read(cr8, rax) = 0xf                 "
		"               <100> 0000000000200050",
	"      3890.000 cpu0  a/0            xsetbv(xcr0, 0x7)                       "
		"               <100> 0000000000200060",
	"      4090.000 cpu0  a/0            dr(dr7, rbx=0x400)                      "
		"               <100> 0000000000200070",
	"      4290.000 cpu0  a/0            nested_fault(gpa=0xfee00300, write, gva="
		"0xffffffffff5fb300) <100> ffffffff81000000",
	"      4490.000 cpu0  a/0            exception(#AC, 0x0)                     "
		"               <100> ffffffff81000000",
	"      4690.000 cpu0  a/0            apic(EOI of vector 0x30)                "
		"               <100>",
	"      4916.000 cpu0  a/0            preempt_timer                           "
		"                <74>",
	"      5090.000 cpu0  a/0            inject vector-0xec",
	"      5110.000 cpu0  a/0            hypercall(number=0x4, not allowed here) "
		"                <80> 0000000000200080",
	"      5240.000 cpu0  a/0            CONSOLE(text=0x204100, length=30) = 30  "
		"               <150> 0000000000200090",
	"      5500.000 cpu0  a/0            AREA_REGISTER(kind=BATCH, page=~0) = -EF"
		"AULT            <90> 0000000000200090",
	"     99990.000 cpu0  a/0            TLB_FLUSH(scope=RANGE, address=0x7f0000,"
		" pages=16, vcpus=0x5, r8=1) = 32768 <100000> 0000000000200090",
	"    200030.000 cpu0  a/0            #238() = -ENOSYS                        "
		"                <60> 0000000000200090",
	"    200200.000 cpu0  a/0            BATCH_KICK() = 2                        "
		"                <90> 00000000002000a0",
	"    200220.000 cpu0  a/0              IPI_SEND(vcpu=1, vector=0xf3) = 0     "
		"                <20>",
	"    200245.000 cpu0  a/0              TRACE_MARK(id=99, flags=STOP_ON_ERROR|"
		"0x10) = 0       <15>",
	"    200250.000 cpu0  a/0            mark 99",
	"    200320.000 cpu0  a/0            VCPU_QUERY(vcpu=1) = RUNNING            "
		"                <70> 00000000002000a0",
	"    200440.000 cpu1  b/3            #200 #7 0x1, 0x2",
	"    200490.000 cpu0  a/0            sched block",
	"    200590.000 cpu0  a/0            domain end killed",
	"# cpu0: 5 records were overwritten and are lost",
	"# 55 records, 34 entries shown",
	NULL,
};

const char *const golden_summary[] = {
	"% ticks          ticks      count       mean        p50        p99        ma"
		"x  kind    name",
	"  98.01         100000          1     100000     100000     100000     10000"
		"0  call    TLB_FLUSH",
	"   0.20            200          2        100        100        100        10"
		"0  exit    port_out",
	"   0.20            200          2        100        100        100        10"
		"0  exit    rdmsr",
	"   0.15            150          1        150        150        150        15"
		"0  call    CONSOLE",
	"   0.12            120          1        120        120        120        12"
		"0  exit    cpuid",
	"   0.10            100          1        100        100        100        10"
		"0  exit    apic",
	"   0.10            100          1        100        100        100        10"
		"0  exit    cr_read",
	"   0.10            100          1        100        100        100        10"
		"0  exit    cr_write",
	"   0.10            100          1        100        100        100        10"
		"0  exit    dr",
	"   0.10            100          1        100        100        100        10"
		"0  exit    exception",
	"   0.10            100          1        100        100        100        10"
		"0  exit    nested_fault",
	"   0.10            100          1        100        100        100        10"
		"0  exit    port_in",
	"   0.10            100          1        100        100        100        10"
		"0  exit    wrmsr",
	"   0.10            100          1        100        100        100        10"
		"0  exit    xsetbv",
	"   0.09             90          1         90         90         90         9"
		"0  call    AREA_REGISTER",
	"   0.09             90          1         90         90         90         9"
		"0  call    BATCH_KICK",
	"   0.08             80          1         80         80         80         8"
		"0  exit    hypercall",
	"   0.07             74          1         74         74         74         7"
		"4  exit    preempt_timer",
	"   0.07             70          1         70         70         70         7"
		"0  call    VCPU_QUERY",
	"   0.06             60          1         60         60         60         6"
		"0  call    #238",
	"                   100          1        100        100        100        10"
		"0  fence   port_out",
	"                    20          1         20         20         20         2"
		"0  member  IPI_SEND",
	"                    15          1         15         15         15         1"
		"5  member  TRACE_MARK",
	"                                1                                           "
		"   #200    #7",
	"                                1                                           "
		"   inject  #GP",
	"                                1                                           "
		"   result  BLOCK",
	"                                1                                           "
		"   sched   block",
	"                                1                                           "
		"   domain  end",
	"                                1                                           "
		"   sched   in",
	"                                1                                           "
		"   mark    mark",
	"                                1                                           "
		"   domain  start",
	"                                1                                           "
		"   inject  vector-0xec",
	" 100.00         102034         22                                           "
		"             transitions",
	"# cpu0: 5 records were overwritten and are lost",
	"# 55 records, 34 entries shown",
	NULL,
};

const char *const golden_by_symbol[] = {
	" transitions          ticks  domain       function                         o"
		"f which",
	"           4         100300  a            0x200090                         A"
		"REA_REGISTER 1, CONSOLE 1, TLB_FLUSH 1, #238 1",
	"           3            300  a            0x200040                         p"
		"ort_out 2, port_in 1",
	"           2            174  a            (no instruction)                 p"
		"reempt_timer 1, apic 1",
	"           2            200  a            0x200050                         c"
		"r_read 1, cr_write 1",
	"           2            160  a            0x2000a0                         B"
		"ATCH_KICK 1, VCPU_QUERY 1",
	"           2            200  a            0xffffffff81000000               e"
		"xception 1, nested_fault 1",
	"           1            120  a            0x200010                         c"
		"puid 1",
	"           1            100  a            0x200020                         r"
		"dmsr 1",
	"           1            100  a            0x200024                         r"
		"dmsr 1",
	"           1            100  a            0x200030                         w"
		"rmsr 1",
	"           1            100  a            0x200060                         x"
		"setbv 1",
	"           1            100  a            0x200070                         d"
		"r 1",
	"           1             80  a            0x200080                         h"
		"ypercall 1",
	"# cpu0: 5 records were overwritten and are lost",
	"# 55 records, 34 entries shown",
	NULL,
};

const char *const golden_json[] = {
	"{\"us\":0.000,\"tsc\":10,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\":\"re"
		"sult\",\"name\":\"BLOCK\",\"code\":20,\"args\":\"0x0, 0x123456789\"}",
	"{\"us\":990.000,\"tsc\":1000,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\":"
		"\"domain\",\"name\":\"start\",\"code\":0}",
	"{\"us\":1000.000,\"tsc\":1010,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"sched\",\"name\":\"in\",\"code\":0}",
	"{\"us\":1870.000,\"tsc\":1880,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"cpuid\",\"code\":1,\"args\":\"leaf=0x7, subleaf=0x2\","
		"\"ticks\":120,\"reason\":10,\"qualification\":\"0x200000007\",\"rip\":\"0x20"
		"0010\"}",
	"{\"us\":2090.000,\"tsc\":2100,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"rdmsr\",\"code\":2,\"args\":\"EFER\",\"result\":\"0x500"
		"\",\"ticks\":100,\"reason\":31,\"qualification\":\"0x0\",\"rip\":\"0x200020"
		"\"}",
	"{\"us\":2290.000,\"tsc\":2300,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"rdmsr\",\"code\":2,\"args\":\"0x639\",\"result\":\"faul"
		"t\",\"ticks\":100,\"reason\":31,\"qualification\":\"0x0\",\"rip\":\"0x200024"
		"\"}",
	"{\"us\":2400.000,\"tsc\":2410,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"inject\",\"name\":\"#GP\",\"code\":13,\"args\":\"error=0x0\"}",
	"{\"us\":2490.000,\"tsc\":2500,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"wrmsr\",\"code\":3,\"args\":\"x2APIC+0x300, 0xfb\",\"ti"
		"cks\":100,\"reason\":32,\"qualification\":\"0x0\",\"rip\":\"0x200030\"}",
	"{\"us\":2690.000,\"tsc\":2700,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"port_out\",\"code\":8,\"args\":\"0x3f8, 1, 0x41 'A'\","
		"\"ticks\":100,\"reason\":30,\"qualification\":\"0x3f80000\",\"rip\":\"0x2000"
		"40\"}",
	"{\"us\":2890.000,\"tsc\":2900,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"port_in\",\"code\":7,\"args\":\"0xcfc, 4\",\"result\":"
		"\"0x8086\",\"ticks\":100,\"reason\":30,\"qualification\":\"0xcfc0008\",\"rip"
		"\":\"0x200040\"}",
	"{\"us\":3090.000,\"tsc\":3100,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"port_out\",\"code\":8,\"args\":\"0xe9, 1, rep string\","
		"\"ticks\":100,\"reason\":30,\"qualification\":\"0xe90030\",\"rip\":\"0x20004"
		"0\"}",
	"{\"us\":3290.000,\"tsc\":3300,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"port_out\",\"code\":8,\"args\":\"0x5056, 4, 0x7\",\"tic"
		"ks\":100,\"reason\":30,\"qualification\":\"0x50560003\",\"fence\":true,\"rip"
		"\":\"0x200040\"}",
	"{\"us\":3490.000,\"tsc\":3500,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"cr_write\",\"code\":5,\"args\":\"cr4, r9=0x20\",\"ticks"
		"\":100,\"reason\":28,\"qualification\":\"0x4\",\"rip\":\"0x200050\"}",
	"{\"us\":3690.000,\"tsc\":3700,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"cr_read\",\"code\":4,\"args\":\"cr8, rax\",\"result\":"
		"\"0xf\",\"ticks\":100,\"reason\":0,\"qualification\":\"0x0\",\"rip\":\"0x200"
		"050\"}",
	"{\"us\":3890.000,\"tsc\":3900,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"xsetbv\",\"code\":13,\"args\":\"xcr0, 0x7\",\"ticks\":1"
		"00,\"reason\":55,\"qualification\":\"0x0\",\"rip\":\"0x200060\"}",
	"{\"us\":4090.000,\"tsc\":4100,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"dr\",\"code\":6,\"args\":\"dr7, rbx=0x400\",\"ticks\":1"
		"00,\"reason\":29,\"qualification\":\"0x0\",\"rip\":\"0x200070\"}",
	"{\"us\":4290.000,\"tsc\":4300,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"nested_fault\",\"code\":23,\"args\":\"gpa=0xfee00300, w"
		"rite, gva=0xffffffffff5fb300\",\"ticks\":100,\"reason\":48,\"qualification\""
		":\"0x182\",\"rip\":\"0xffffffff81000000\"}",
	"{\"us\":4490.000,\"tsc\":4500,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"exception\",\"code\":21,\"args\":\"#AC, 0x0\",\"ticks\""
		":100,\"reason\":0,\"qualification\":\"0x0\",\"rip\":\"0xffffffff81000000\"}",
	"{\"us\":4690.000,\"tsc\":4700,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"apic\",\"code\":35,\"args\":\"EOI of vector 0x30\",\"ti"
		"cks\":100,\"reason\":45,\"qualification\":\"0x30\"}",
	"{\"us\":4916.000,\"tsc\":4926,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"preempt_timer\",\"code\":28,\"ticks\":74,\"reason\":52,"
		"\"qualification\":\"0x0\"}",
	"{\"us\":5090.000,\"tsc\":5100,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"inject\",\"name\":\"vector-0xec\",\"code\":236}",
	"{\"us\":5110.000,\"tsc\":5120,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"exit\",\"name\":\"hypercall\",\"code\":0,\"args\":\"number=0x4, not allow"
		"ed here\",\"ticks\":80,\"reason\":18,\"qualification\":\"0x4\",\"rip\":\"0x2"
		"00080\"}",
	"{\"us\":5240.000,\"tsc\":5250,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"call\",\"name\":\"CONSOLE\",\"code\":4,\"args\":\"text=0x204100, length=3"
		"0\",\"result\":\"30\",\"ticks\":150,\"values\":[\"0x204100\",\"0x1e\",\"0x0"
		"\",\"0x0\",\"0x0\",\"0x0\"],\"rip\":\"0x200090\"}",
	"{\"us\":5500.000,\"tsc\":5510,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kind\""
		":\"call\",\"name\":\"AREA_REGISTER\",\"code\":2,\"args\":\"kind=BATCH, page="
		"~0\",\"result\":\"-EFAULT\",\"ticks\":90,\"values\":[\"0x3\",\"0xfffffffffff"
		"fffff\",\"0x0\",\"0x0\",\"0x0\",\"0x0\"],\"rip\":\"0x200090\"}",
	"{\"us\":99990.000,\"tsc\":100000,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"kin"
		"d\":\"call\",\"name\":\"TLB_FLUSH\",\"code\":39,\"args\":\"scope=RANGE, addr"
		"ess=0x7f0000, pages=16, vcpus=0x5, r8=1\",\"result\":\"32768\",\"ticks\":100"
		"000,\"values\":[\"0x1\",\"0x7f0000\",\"0x10\",\"0x5\",\"0x1\",\"0x0\"],\"rip"
		"\":\"0x200090\"}",
	"{\"us\":200030.000,\"tsc\":200040,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"ki"
		"nd\":\"call\",\"name\":\"#238\",\"code\":238,\"result\":\"-ENOSYS\",\"ticks"
		"\":60,\"values\":[\"0x0\",\"0x0\",\"0x0\",\"0x0\",\"0x0\",\"0x0\"],\"rip\":"
		"\"0x200090\"}",
	"{\"us\":200200.000,\"tsc\":200210,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"ki"
		"nd\":\"call\",\"name\":\"BATCH_KICK\",\"code\":3,\"result\":\"2\",\"ticks\":"
		"90,\"values\":[\"0x0\",\"0x0\",\"0x0\",\"0x0\",\"0x0\",\"0x0\"],\"rip\":\"0x"
		"2000a0\"}",
	"{\"us\":200220.000,\"tsc\":200230,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"ki"
		"nd\":\"member\",\"name\":\"IPI_SEND\",\"code\":23,\"args\":\"vcpu=1, vector="
		"0xf3\",\"result\":\"0\",\"ticks\":20,\"values\":[\"0x1\",\"0xf3\",\"0x0\"],"
		"\"kick\":1,\"entry\":0,\"flags\":0}",
	"{\"us\":200245.000,\"tsc\":200255,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"ki"
		"nd\":\"member\",\"name\":\"TRACE_MARK\",\"code\":7,\"args\":\"id=99, "
		"flags=STOP_ON_ERROR|0x10\",\"resu"
		"lt\":\"0\",\"ticks\":15,\"values\":[\"0x63\",\"0x0\",\"0x0\"],\"kick\":1,\"e"
		"ntry\":1,\"flags\":17}",
	"{\"us\":200250.000,\"tsc\":200260,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"ki"
		"nd\":\"mark\",\"name\":\"mark\",\"code\":0,\"args\":\"99\",\"id\":99}",
	"{\"us\":200320.000,\"tsc\":200330,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"ki"
		"nd\":\"call\",\"name\":\"VCPU_QUERY\",\"code\":18,\"args\":\"vcpu=1\",\"resu"
		"lt\":\"RUNNING\",\"ticks\":70,\"values\":[\"0x1\",\"0x0\",\"0x0\",\"0x0\",\""
		"0x0\",\"0x0\"],\"rip\":\"0x2000a0\"}",
	"{\"us\":200440.000,\"tsc\":200450,\"cpu\":1,\"domain\":\"b\",\"vcpu\":3,\"ki"
		"nd\":\"#200\",\"name\":\"#7\",\"code\":7,\"args\":\"0x1, 0x2\"}",
	"{\"us\":200490.000,\"tsc\":200500,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"ki"
		"nd\":\"sched\",\"name\":\"block\",\"code\":2}",
	"{\"us\":200590.000,\"tsc\":200600,\"cpu\":0,\"domain\":\"a\",\"vcpu\":0,\"ki"
		"nd\":\"domain\",\"name\":\"end\",\"code\":1,\"args\":\"killed\"}",
	NULL,
};

const char *const golden_csv[] = {
	"us,cpu,domain,vcpu,kind,name,args,result,ticks,rip,symbol",
	"0.000,0,\"a\",0,\"result\",\"BLOCK\",\"0x0, 0x123456789\",\"\",,,\"\"",
	"990.000,0,\"a\",0,\"domain\",\"start\",\"\",\"\",,,\"\"",
	"1000.000,0,\"a\",0,\"sched\",\"in\",\"\",\"\",,,\"\"",
	"1870.000,0,\"a\",0,\"exit\",\"cpuid\",\"leaf=0x7, subleaf=0x2\",\"\",120,0x2"
		"00010,\"\"",
	"2090.000,0,\"a\",0,\"exit\",\"rdmsr\",\"EFER\",\"0x500\",100,0x200020,\"\"",
	"2290.000,0,\"a\",0,\"exit\",\"rdmsr\",\"0x639\",\"fault\",100,0x200024,\"\"",
	"2400.000,0,\"a\",0,\"inject\",\"#GP\",\"error=0x0\",\"\",,,\"\"",
	"2490.000,0,\"a\",0,\"exit\",\"wrmsr\",\"x2APIC+0x300, 0xfb\",\"\",100,0x2000"
		"30,\"\"",
	"2690.000,0,\"a\",0,\"exit\",\"port_out\",\"0x3f8, 1, 0x41 'A'\",\"\",100,0x2"
		"00040,\"\"",
	"2890.000,0,\"a\",0,\"exit\",\"port_in\",\"0xcfc, 4\",\"0x8086\",100,0x200040"
		",\"\"",
	"3090.000,0,\"a\",0,\"exit\",\"port_out\",\"0xe9, 1, rep string\",\"\",100,0x"
		"200040,\"\"",
	"3290.000,0,\"a\",0,\"exit\",\"port_out\",\"0x5056, 4, 0x7\",\"\",100,0x20004"
		"0,\"\"",
	"3490.000,0,\"a\",0,\"exit\",\"cr_write\",\"cr4, r9=0x20\",\"\",100,0x200050,"
		"\"\"",
	"3690.000,0,\"a\",0,\"exit\",\"cr_read\",\"cr8, rax\",\"0xf\",100,0x200050,\""
		"\"",
	"3890.000,0,\"a\",0,\"exit\",\"xsetbv\",\"xcr0, 0x7\",\"\",100,0x200060,\"\"",
	"4090.000,0,\"a\",0,\"exit\",\"dr\",\"dr7, rbx=0x400\",\"\",100,0x200070,\"\"",
	"4290.000,0,\"a\",0,\"exit\",\"nested_fault\",\"gpa=0xfee00300, write, gva=0x"
		"ffffffffff5fb300\",\"\",100,0xffffffff81000000,\"\"",
	"4490.000,0,\"a\",0,\"exit\",\"exception\",\"#AC, 0x0\",\"\",100,0xffffffff81"
		"000000,\"\"",
	"4690.000,0,\"a\",0,\"exit\",\"apic\",\"EOI of vector 0x30\",\"\",100,,\"\"",
	"4916.000,0,\"a\",0,\"exit\",\"preempt_timer\",\"\",\"\",74,,\"\"",
	"5090.000,0,\"a\",0,\"inject\",\"vector-0xec\",\"\",\"\",,,\"\"",
	"5110.000,0,\"a\",0,\"exit\",\"hypercall\",\"number=0x4, not allowed here\","
		"\"\",80,0x200080,\"\"",
	"5240.000,0,\"a\",0,\"call\",\"CONSOLE\",\"text=0x204100, length=30\",\"30\","
		"150,0x200090,\"\"",
	"5500.000,0,\"a\",0,\"call\",\"AREA_REGISTER\",\"kind=BATCH, page=~0\",\"-EFA"
		"ULT\",90,0x200090,\"\"",
	"99990.000,0,\"a\",0,\"call\",\"TLB_FLUSH\",\"scope=RANGE, address=0x7f0000, "
		"pages=16, vcpus=0x5, r8=1\",\"32768\",100000,0x200090,\"\"",
	"200030.000,0,\"a\",0,\"call\",\"#238\",\"\",\"-ENOSYS\",60,0x200090,\"\"",
	"200200.000,0,\"a\",0,\"call\",\"BATCH_KICK\",\"\",\"2\",90,0x2000a0,\"\"",
	"200220.000,0,\"a\",0,\"member\",\"IPI_SEND\",\"vcpu=1, vector=0xf3\",\"0\",2"
		"0,,\"\"",
	"200245.000,0,\"a\",0,\"member\",\"TRACE_MARK\","
		"\"id=99, flags=STOP_ON_ERROR|0x10\",\"0\",15,,\"\"",
	"200250.000,0,\"a\",0,\"mark\",\"mark\",\"99\",\"\",,,\"\"",
	"200320.000,0,\"a\",0,\"call\",\"VCPU_QUERY\",\"vcpu=1\",\"RUNNING\",70,0x200"
		"0a0,\"\"",
	"200440.000,1,\"b\",3,\"#200\",\"#7\",\"0x1, 0x2\",\"\",,,\"\"",
	"200490.000,0,\"a\",0,\"sched\",\"block\",\"\",\"\",,,\"\"",
	"200590.000,0,\"a\",0,\"domain\",\"end\",\"killed\",\"\",,,\"\"",
	NULL,
};
/* clang-format on */
