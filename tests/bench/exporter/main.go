// exporter: the peer of a scrape. It serves the series that it finds on stdin, written as users of client_golang are
// told to write an exporter: a GaugeVec or CounterVec for each family.
//
//	exporter ADDRESS < SERIES
//
// SERIES is in the text format, all of the same three labels, without escapes. The values are set once. It says on
// stdout how many series it has, and serves /metrics until it is killed.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type family struct {
	gauges   *prometheus.GaugeVec
	counters *prometheus.CounterVec
}

func main() {
	registry := prometheus.NewRegistry()
	families := map[string]*family{}
	series := 0
	lines := bufio.NewScanner(os.Stdin)
	help := ""
	for lines.Scan() {
		line := lines.Text()
		words := strings.SplitN(line, " ", 4)
		switch {
		case strings.HasPrefix(line, "# HELP "):
			help = words[3]
		case strings.HasPrefix(line, "# TYPE "):
			families[words[2]] = &family{}
			if words[3] == "counter" {
				families[words[2]].counters = prometheus.NewCounterVec(
					prometheus.CounterOpts{Name: words[2], Help: help}, labels)
				registry.MustRegister(families[words[2]].counters)
			} else {
				families[words[2]].gauges = prometheus.NewGaugeVec(
					prometheus.GaugeOpts{Name: words[2], Help: help}, labels)
				registry.MustRegister(families[words[2]].gauges)
			}
		default:
			name, values, value := parse(line)
			if of := families[name]; of.counters != nil {
				of.counters.WithLabelValues(values...).Add(value)
			} else {
				of.gauges.WithLabelValues(values...).Set(value)
			}
			series++
		}
	}
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	fmt.Println(series)
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}

var labels = []string{"namespace", "pod", "container"}

// name{namespace="a",pod="b",container="c"} 1.5
func parse(line string) (string, []string, float64) {
	name, rest, _ := strings.Cut(line, "{")
	inner, number, _ := strings.Cut(rest, "} ")
	values := make([]string, 0, len(labels))
	for _, pair := range strings.Split(inner, ",") {
		_, quoted, _ := strings.Cut(pair, "=")
		values = append(values, strings.Trim(quoted, `"`))
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		log.Fatal(line)
	}
	return name, values, value
}
