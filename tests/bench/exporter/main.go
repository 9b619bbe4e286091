// exporter: the peer of a scrape. It serves the series that it finds on stdin, written as users of client_golang are
// told to write an exporter: a GaugeVec or CounterVec for each family.
//
//	exporter ADDRESS < SERIES
//
// SERIES is in the text format, without escapes; those of a family have the same labels. The values are set once. It
// says on stdout how many series it has, and serves /metrics until it is killed.
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
	help, kind := "", ""
	for lines.Scan() {
		line := lines.Text()
		words := strings.SplitN(line, " ", 4)
		switch {
		case strings.HasPrefix(line, "# HELP "):
			help = words[3]
		case strings.HasPrefix(line, "# TYPE "):
			kind = words[3]
		default:
			name, labels, values, value := parse(line)
			of := families[name]
			if of == nil {
				of = register(registry, kind, name, help, labels)
				families[name] = of
			}
			if of.counters != nil {
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

func register(registry *prometheus.Registry, kind, name, help string, labels []string) *family {
	made := &family{}
	if kind == "counter" {
		made.counters = prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		registry.MustRegister(made.counters)
	} else {
		made.gauges = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		registry.MustRegister(made.gauges)
	}
	return made
}

// name{namespace="a",pod="b",container="c"} 1.5
func parse(line string) (name string, labels, values []string, value float64) {
	name, rest, _ := strings.Cut(line, "{")
	inner, number, _ := strings.Cut(rest, "} ")
	for _, pair := range strings.Split(inner, ",") {
		label, quoted, _ := strings.Cut(pair, "=")
		labels = append(labels, label)
		values = append(values, strings.Trim(quoted, `"`))
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		log.Fatal(line)
	}
	return name, labels, values, value
}
